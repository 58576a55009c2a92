// Package imapbox reads a mailbox by IMAP (RFC 9051), and marks, moves and deletes nothing in it.
package imapbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

// Security is how a connection is made safe.
type Security string

// Kinds of security.
const (
	TLS      Security = "tls"      // from the start, as at port 993
	StartTLS Security = "starttls" // refused unless the server does it, as at port 143
	None     Security = "none"     // on this machine alone
)

// A Box is a mailbox at a server.
type Box struct {
	Address  string // host and port
	Security Security
	TLS      *tls.Config // nil: the system's certificates
	User     string
	// Password and Token say how to log in: with a password, or with an OAuth access token. One of them is nil.
	Password func(ctx context.Context) (string, error)
	Token    func(ctx context.Context) (string, error)
	Mailbox  string // "INBOX"
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	// MaxMail is how many bytes a mail may have to be read.
	MaxMail int
	// Patience is how long the server may be silent when something is asked of it, and Idle how long one IDLE lasts: what
	// sits between may forget a connection on which nothing is said. Both have defaults.
	Patience, Idle time.Duration
}

const (
	defaultPatience = time.Minute
	defaultIdle     = 5 * time.Minute
)

// A Position is before all mails with a higher UID. UIDs mean nothing once the mailbox has another UIDVALIDITY.
type Position struct {
	UIDValidity uint32 `json:"uidvalidity"`
	UID         uint32 `json:"uid"`
}

// A Mail is one in the box.
type Mail struct {
	Position
	Received time.Time // INTERNALDATE, UTC: when the server got it
	Raw      []byte    // nil if it is larger than MaxMail
}

// Origin names the mail in the box.
func (p Position) Origin() string { return fmt.Sprintf("%d/%d", p.UIDValidity, p.UID) }

// ErrLogin: the server does not let us in, and a person must act. ErrMailbox: there is no such mailbox. All else passes.
var (
	ErrLogin   = errors.New("the IMAP server does not let us in")
	ErrMailbox = errors.New("there is no such mailbox")
)

// Known are those of the origins that need not be read.
type Known func(ctx context.Context, origins []string) (map[string]bool, error)

// asked is how many UIDs are asked for at a time.
const asked = 500

// Fetch reads at most n mails that are not known, behind pos, by UID. next is where to go on; it is pos if there is nothing
// behind it.
func (b *Box) Fetch(ctx context.Context, pos Position, n int, known Known) (mails []Mail, next Position, err error) {
	err = b.with(ctx, nil, func(c *session, box *imap.SelectData) error {
		mails, next, err = b.fetch(ctx, c, box, pos, n, known)
		return err
	})
	if err != nil {
		return nil, pos, err
	}
	return mails, next, nil
}

func (b *Box) fetch(ctx context.Context, c *session, box *imap.SelectData, pos Position, n int, known Known) ([]Mail, Position, error) {
	if pos.UIDValidity != box.UIDValidity {
		pos = Position{UIDValidity: box.UIDValidity} // another mailbox under the old name: all of it is read again
	}
	if box.NumMessages == 0 || box.UIDNext != 0 && pos.UID+1 >= uint32(box.UIDNext) {
		return nil, pos, nil
	}
	// "n:*" is the last mail, too, if its UID is lower (RFC 9051 section 6.4.9).
	found, err := c.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{{{Start: imap.UID(pos.UID + 1)}}}}, nil).Wait()
	if err != nil {
		return nil, pos, fmt.Errorf("ask for new mails: %w", err)
	}
	uids := found.AllUIDs()
	slices.Sort(uids)
	uids = slices.DeleteFunc(slices.Compact(uids), func(u imap.UID) bool { return uint32(u) <= pos.UID })
	var mails []Mail
	for chunk := range slices.Chunk(uids, asked) {
		origins := make([]string, len(chunk))
		for i, u := range chunk {
			origins[i] = Position{pos.UIDValidity, uint32(u)}.Origin()
		}
		read, err := known(ctx, origins)
		if err != nil {
			return nil, pos, err
		}
		var want []imap.UID
		last := pos.UID
		for i, u := range chunk {
			if len(want) == n-len(mails) {
				break
			}
			if last = uint32(u); !read[origins[i]] {
				want = append(want, u)
			}
		}
		more, err := b.read(c, pos.UIDValidity, want)
		if err != nil {
			return nil, pos, err
		}
		pos.UID = last
		if mails = append(mails, more...); len(mails) >= n || len(want) > 0 {
			break // one chunk at a time is enough; what is behind it follows
		}
	}
	return mails, pos, nil
}

// read reads mails: first how large they are, then those that are not too large. What is gone meanwhile is left out.
func (b *Box) read(c *session, validity uint32, uids []imap.UID) ([]Mail, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	sizes, err := c.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, InternalDate: true, RFC822Size: true}).Collect()
	if err != nil {
		return nil, fmt.Errorf("ask for the sizes of mails: %w", err)
	}
	byUID := map[imap.UID]*Mail{}
	var small []imap.UID
	for _, m := range sizes {
		if !slices.Contains(uids, m.UID) {
			continue
		}
		byUID[m.UID] = &Mail{Position: Position{validity, uint32(m.UID)}, Received: m.InternalDate.UTC()}
		if m.RFC822Size <= int64(b.MaxMail) {
			small = append(small, m.UID)
		}
	}
	if err := b.bodies(c, small, byUID); err != nil {
		return nil, err
	}
	var mails []Mail
	for _, u := range uids {
		if m := byUID[u]; m != nil {
			mails = append(mails, *m)
		}
	}
	return mails, nil
}

func (b *Box) bodies(c *session, uids []imap.UID, into map[imap.UID]*Mail) error {
	if len(uids) == 0 {
		return nil
	}
	fetch := c.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
	read := map[imap.UID]bool{}
	for m := fetch.Next(); m != nil; m = fetch.Next() {
		uid, raw, err := b.body(m)
		if err != nil {
			c.Close()
			fetch.Close()
			return err
		}
		if mail := into[uid]; mail != nil && raw != nil {
			mail.Raw, read[uid] = raw, true
		}
	}
	if err := fetch.Close(); err != nil {
		return fmt.Errorf("read mails: %w", err)
	}
	for _, u := range uids {
		if !read[u] {
			delete(into, u) // it was deleted meanwhile
		}
	}
	return nil
}

// body reads one mail. A server that sends more than it said is left.
func (b *Box) body(m *imapclient.FetchMessageData) (uid imap.UID, raw []byte, err error) {
	for item := m.Next(); item != nil; item = m.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			uid = item.UID
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil {
				raw = []byte{}
				continue
			}
			raw, err = io.ReadAll(io.LimitReader(item.Literal, int64(b.MaxMail)+1))
			if err != nil || len(raw) > b.MaxMail {
				return 0, nil, errors.Join(errors.New("a mail is larger than the server has said, or was cut off"), err)
			}
		}
	}
	return uid, raw, nil
}

// Wait returns when the mailbox has mail with a UID of next or higher, and says which UID comes after that. It returns at
// once if next is 0. Where the server can't tell by itself (IDLE, RFC 2177), it is asked.
func (b *Box) Wait(ctx context.Context, next uint32) (uint32, error) {
	changed := make(chan struct{}, 1)
	told := &imapclient.UnilateralDataHandler{Mailbox: func(d *imapclient.UnilateralDataMailbox) {
		if d.NumMessages != nil {
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}}
	err := b.with(ctx, told, func(c *session, box *imap.SelectData) error {
		for {
			if up := uint32(box.UIDNext); next == 0 || up > next {
				next = max(up, 1)
				return nil
			}
			if err := b.rest(ctx, c, changed); err != nil {
				return err
			}
			// Which UID comes next is only said when a mailbox is opened.
			var err error
			if box, err = b.open(c); err != nil {
				return err
			}
		}
	})
	return next, err
}

// rest returns when the server has told of a change, and now and then without.
func (b *Box) rest(ctx context.Context, c *session, changed chan struct{}) error {
	long := b.idle()
	timer := time.NewTimer(long)
	defer timer.Stop()
	if !c.Caps().Has(imap.CapIdle) {
		timer.Reset(min(long, time.Minute))
		c.conn.wait(long + b.patience())
		defer c.conn.wait(b.patience())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		}
	}
	c.conn.wait(long + b.patience())
	defer c.conn.wait(b.patience())
	idle, err := c.Idle()
	if err != nil {
		return fmt.Errorf("wait for new mails: %w", err)
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-changed:
	case <-c.Closed():
	}
	err = errors.Join(idle.Close(), idle.Wait())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("wait for new mails: %w", err)
	}
	return nil
}

// Check says what there is: how many mails, and whether the server tells of new ones by itself.
func (b *Box) Check(ctx context.Context) (mails uint32, idle bool, err error) {
	err = b.with(ctx, nil, func(c *session, box *imap.SelectData) error {
		mails, idle = box.NumMessages, c.Caps().Has(imap.CapIdle)
		return nil
	})
	return mails, idle, err
}

// with connects, logs in, opens the mailbox to read it alone, and calls f.
func (b *Box) with(ctx context.Context, told *imapclient.UnilateralDataHandler, f func(*session, *imap.SelectData) error) error {
	c, err := b.connect(ctx, told)
	if err != nil {
		return b.explain(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	defer c.Close()
	if err := b.login(ctx, c); err != nil {
		return b.explain(ctx, err)
	}
	box, err := b.open(c)
	if err == nil {
		err = f(c, box)
	}
	return b.explain(ctx, err)
}

// A session is a connection to the server.
type session struct {
	*imapclient.Client
	conn *conn
}

func (b *Box) connect(ctx context.Context, told *imapclient.UnilateralDataHandler) (*session, error) {
	raw, err := b.Dial(ctx, "tcp", b.Address)
	if err != nil {
		return nil, err
	}
	limited := &conn{Conn: raw}
	host, _, _ := net.SplitHostPort(b.Address)
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if b.TLS != nil {
		config = b.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	options := &imapclient.Options{TLSConfig: config, UnilateralDataHandler: told}
	limited.wait(b.patience())
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	var c *imapclient.Client
	switch b.Security {
	case StartTLS:
		if c, err = imapclient.NewStartTLS(limited, options); err != nil {
			return nil, fmt.Errorf("STARTTLS: %w", err)
		}
	case None:
		c = imapclient.New(limited, options)
	default:
		secure := tls.Client(limited, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		c = imapclient.New(secure, options)
	}
	if err := c.WaitGreeting(); err != nil {
		c.Close()
		return nil, err
	}
	return &session{c, limited}, nil
}

// login logs in. What the server says of credentials is a person's to mend; all else may pass.
func (b *Box) login(ctx context.Context, c *session) error {
	if c.State() == imap.ConnStateAuthenticated {
		return nil // PREAUTH
	}
	var err error
	if b.Token != nil {
		var token string
		if token, err = b.Token(ctx); err != nil {
			return err
		}
		err = c.Authenticate(b.bearer(c, token))
	} else {
		var password string
		if password, err = b.Password(ctx); err != nil {
			return err
		}
		if c.Caps().Has(imap.AuthCap("PLAIN")) {
			err = c.Authenticate(sasl.NewPlainClient("", b.User, password))
		} else {
			err = c.Login(b.User, password).Wait()
		}
	}
	var refused *imap.Error
	if errors.As(err, &refused) && refused.Type == imap.StatusResponseTypeNo && refused.Code != imap.ResponseCodeUnavailable {
		return fmt.Errorf("%w: %s", ErrLogin, printable(refused.Text))
	}
	return err
}

// bearer is how a token is shown: Google and Microsoft know XOAUTH2, others the standard's (RFC 7628).
func (b *Box) bearer(c *session, token string) sasl.Client {
	host, _, _ := net.SplitHostPort(b.Address)
	if c.Caps().Has(imap.AuthCap("XOAUTH2")) || !c.Caps().Has(imap.AuthCap("OAUTHBEARER")) {
		return &xoauth2{user: b.User, token: token}
	}
	return sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: b.User, Token: token, Host: host})
}

// xoauth2 is Google's mechanism ("The SASL XOAUTH2 Mechanism").
type xoauth2 struct{ user, token string }

func (x *xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + x.user + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

// Next answers what a refusal says with something, so that the refusal comes: some servers take no empty answer.
func (x *xoauth2) Next([]byte) ([]byte, error) { return []byte{1}, nil }

func (b *Box) open(c *session) (*imap.SelectData, error) {
	box, err := c.Select(b.Mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
	var refused *imap.Error
	if errors.As(err, &refused) && refused.Type == imap.StatusResponseTypeNo {
		return nil, fmt.Errorf("%w: %s: %s", ErrMailbox, b.Mailbox, printable(refused.Text))
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", b.Mailbox, err)
	}
	if box.UIDValidity == 0 {
		return nil, fmt.Errorf("open %s: the server says no UIDVALIDITY", b.Mailbox)
	}
	return box, nil
}

// explain names the server. That ctx has ended goes before what its end has broken.
func (b *Box) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("IMAP at %s: %w", b.Address, err)
}

// printable is what a server says, in one short line.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), 200)]
}

func (b *Box) patience() time.Duration {
	if b.Patience > 0 {
		return b.Patience
	}
	return defaultPatience
}

func (b *Box) idle() time.Duration {
	if b.Idle > 0 {
		return b.Idle
	}
	return defaultIdle
}
