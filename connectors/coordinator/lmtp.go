package coordinator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"example.com/syncd/connectors"
	"example.com/syncd/internal/mailauth"
)

// LMTP is how mail is handed over by a mail server: by LMTP (RFC 2033), or by SMTP.
type LMTP struct {
	// Listen is "127.0.0.1:2424", or "unix:" and a socket's path.
	Listen   string `yaml:"listen"`
	Protocol string `yaml:"protocol" jsonschema:"enum=,enum=lmtp,enum=smtp"` // (lmtp) | smtp
	// Allow are the networks, as "10.0.0.0/8", from which mail is taken. None: from this machine alone.
	Allow []string `yaml:"allow"`
	// CertFile and KeyFile are for STARTTLS, as PEM.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

const (
	protocolLMTP = "lmtp"
	protocolSMTP = "smtp"
)

func (c LMTP) validate(wrong func(format string, args ...any)) {
	if c.Listen == "" {
		if c.Protocol != "" || c.CertFile != "" || c.KeyFile != "" || len(c.Allow) > 0 {
			wrong("lmtp.listen is missing: the address at which mail is taken, as 127.0.0.1:2424")
		}
		return
	}
	if c.Protocol != "" && c.Protocol != protocolLMTP && c.Protocol != protocolSMTP {
		wrong("lmtp.protocol: %q is none of lmtp, smtp", c.Protocol)
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		wrong("lmtp.cert_file and lmtp.key_file go together")
	}
	for _, a := range c.Allow {
		if _, err := netip.ParsePrefix(a); err != nil {
			wrong("lmtp.allow: %q is no network, as 10.0.0.0/8", a)
		}
	}
	host, _, err := net.SplitHostPort(c.Listen)
	switch {
	case strings.HasPrefix(c.Listen, "unix:"):
	case err != nil:
		wrong("lmtp.listen: %q is no address, as 127.0.0.1:2424, nor unix: and a path", c.Listen)
	case !loopback(host) && len(c.Allow) == 0:
		wrong("lmtp.listen: other machines reach %s: name in lmtp.allow the networks that may hand over mail", c.Listen)
	}
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// How long a mail server may take, for a command and for a mail.
const lmtpPatience = 2 * time.Minute

// listenLMTP takes mail until ctx ends. What is answered by 250 is kept.
func (c *connector) listenLMTP(ctx context.Context, d connectors.Desk) error {
	cfg := c.cfg.LMTP
	network, address := "tcp", cfg.Listen
	if path, ok := strings.CutPrefix(cfg.Listen, "unix:"); ok {
		network, address = "unix", path
	}
	srv := smtp.NewServer(smtp.BackendFunc(func(conn *smtp.Conn) (smtp.Session, error) {
		if !c.allowed(conn.Conn().RemoteAddr()) {
			return nil, &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "mail is not taken from this network"}
		}
		return &session{ctx: ctx, c: c, desk: d}, nil
	}))
	srv.LMTP, srv.Domain = cfg.Protocol != protocolSMTP, domainOf(c.cfg.Address)
	srv.MaxMessageBytes, srv.MaxRecipients, srv.MaxLineLength = maxMail, 100, 64<<10
	srv.ReadTimeout, srv.WriteTimeout = lmtpPatience, lmtpPatience
	srv.ErrorLog = unlogged{}
	if cfg.CertFile != "" {
		pair, err := c.certificate()
		if err != nil {
			return err
		}
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	l, err := c.env.Listen(ctx, network, address)
	if err != nil {
		return fmt.Errorf("coordinator: lmtp.listen %s: %w; choose another address", cfg.Listen, err)
	}
	c.env.Log.Info("mail is taken", "address", l.Addr().String(), "protocol", map[bool]string{true: protocolLMTP, false: protocolSMTP}[srv.LMTP])
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(l); ctx.Err() == nil {
		return fmt.Errorf("coordinator: take mail at %s: %w", cfg.Listen, err)
	}
	return ctx.Err()
}

func (c *connector) certificate() (tls.Certificate, error) {
	cert, err := c.env.ReadFile(c.cfg.LMTP.CertFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("coordinator: lmtp.cert_file: %w", err)
	}
	key, err := c.env.ReadFile(c.cfg.LMTP.KeyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("coordinator: lmtp.key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, errors.New("coordinator: lmtp.cert_file and lmtp.key_file are no certificate and its key, as PEM")
	}
	return pair, nil
}

// allowed reports whether mail is taken from there.
func (c *connector) allowed(from net.Addr) bool {
	tcp, ok := from.(*net.TCPAddr)
	if !ok {
		return true // a socket has its own permissions
	}
	addr := tcp.AddrPort().Addr().Unmap()
	if addr.IsLoopback() {
		return true
	}
	for _, a := range c.cfg.LMTP.Allow {
		if p, err := netip.ParsePrefix(a); err == nil && p.Contains(addr) {
			return true
		}
	}
	return false
}

// unlogged: what strangers do at the port is no news.
type unlogged struct{}

func (unlogged) Printf(string, ...any) {}
func (unlogged) Println(...any)        {}

// A session is one connection of a mail server.
type session struct {
	ctx  context.Context
	c    *connector
	desk connectors.Desk
}

func (s *session) Reset()                               {}
func (s *session) Logout() error                        { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt refuses mail to others.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if plain(to) != plain(s.c.cfg.Address) {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody of this address is here"}
	}
	return nil
}

// Data keeps a mail. Only what is on the disk is answered by 250.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err // of the server's own: a line or a mail that is too long
	}
	err = s.c.deliver(s.ctx, s.desk, raw)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mailauth.ErrTemporary):
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 5}, Message: "the DNS does not say now who sent it; try again later"}
	}
	s.c.env.Log.Error("a mail could not be kept; who sent it is asked to try again", "error", err)
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "it could not be kept; try again later"}
}

// deliver keeps a mail that was handed over.
func (c *connector) deliver(ctx context.Context, d connectors.Desk, raw []byte) error {
	m := mail{raw: raw, name: "handed over", at: c.env.Now().UTC()}
	if len(raw) > maxMail {
		m.problem = errTooLarge
	}
	l, err := c.letter(ctx, m)
	if err != nil {
		return err
	}
	c.tell(m.name, l)
	return d.Deliver(ctx, c.source, l)
}
