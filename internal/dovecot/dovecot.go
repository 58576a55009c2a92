// Package dovecot runs Debian's Dovecot for tests: an IMAP server that had no part in making syncd, on ports of this
// machine, with mailboxes of its own.
package dovecot

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	"example.com/syncd/internal/debiantest"
)

// Password is everybody's. Token is the OAuth token that is good for everybody.
const (
	Password = "secret"
	Token    = "good-token"
)

// A Server is a Dovecot.
type Server struct {
	IMAP, IMAPS string // addresses
	Roots       *x509.CertPool

	t      testing.TB
	dir    string
	mails  atomic.Int64
	daemon *exec.Cmd
}

// settings are Dovecot 2.3's.
var settings = template.Must(template.New("").Parse(`
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = {{.Dir}}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{{.Dir}}/cert.pem
ssl_key = <{{.Dir}}/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
mailbox_idle_check_interval = 1s
auth_mechanisms = plain login xoauth2 oauthbearer
mail_location = maildir:{{.Dir}}/mail/%n/Maildir
mail_uid = {{.User}}
mail_gid = {{.Group}}
first_valid_uid = 1
default_internal_user = {{.User}}
default_internal_group = {{.Group}}
default_login_user = {{.Login}}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {{.Dir}}/oauth2.conf.ext
}
passdb {
  driver = static
  mechanisms = plain login
  args = password=` + Password + `
}
userdb {
  driver = static
  args = uid={{.User}} gid={{.Group}} home={{.Dir}}/mail/%n allow_all_users=yes
}
namespace inbox {
  inbox = yes
  separator = /
}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = {{.IMAP}}
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = {{.IMAPS}}
    ssl = yes
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`))

// Start starts a Dovecot, and skips the test where it can't be had.
func Start(t testing.TB) *Server {
	t.Helper()
	debiantest.Need(t, func() bool { _, err := exec.LookPath("dovecot"); return err == nil }, "dovecot-core", "dovecot-imapd")
	if os.Geteuid() != 0 {
		t.Skip("Dovecot: only root can start it")
	}
	if out, err := exec.Command("dovecot", "--version").Output(); err != nil || !strings.HasPrefix(string(out), "2.3") {
		t.Skipf("Dovecot: this one is %s; the settings here are for 2.3", strings.TrimSpace(string(out)))
	}
	dir, err := os.MkdirTemp("", "dovecot")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{t: t, dir: dir}
	s.configure()
	s.Restart()
	t.Cleanup(s.Kill)
	return s
}

func (s *Server) configure() {
	t := s.t
	t.Helper()
	introspection := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		active := r.FormValue("token") == Token
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"active":%v,"email":"ana@acme.com"}`, active)
	}))
	t.Cleanup(introspection.Close)
	mailUser, login := someUser("dovecot", "mail", "daemon"), someUser("dovenull", "nobody")
	imap, imaps := freePort(t), freePort(t)
	s.IMAP, s.IMAPS = fmt.Sprint("127.0.0.1:", imap), fmt.Sprint("127.0.0.1:", imaps)
	var b bytes.Buffer
	err := settings.Execute(&b, map[string]any{
		"Dir": s.dir, "User": mailUser.Username, "Group": groupOf(mailUser), "Login": login.Username, "IMAP": imap, "IMAPS": imaps,
	})
	if err != nil {
		t.Fatal(err)
	}
	cert, key := s.certificate()
	for name, text := range map[string]string{
		"dovecot.conf": b.String(), "cert.pem": cert, "key.pem": key,
		"oauth2.conf.ext": "introspection_mode = post\nintrospection_url = " + introspection.URL + "\nusername_attribute = email\nactive_attribute = active\nactive_value = true\n",
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.own(mailUser)
}

// own gives the mails to who reads them.
func (s *Server) own(u *user.User) {
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for _, dir := range []string{"", "mail"} {
		path := filepath.Join(s.dir, dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Chmod(path, 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(s.dir, "mail"), uid, gid); err != nil {
		s.t.Fatal(err)
	}
}

func someUser(names ...string) *user.User {
	for _, n := range names {
		if u, err := user.Lookup(n); err == nil {
			return u
		}
	}
	u, _ := user.Current()
	return u
}

func groupOf(u *user.User) string {
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		return u.Gid
	}
	return g.Name
}

func freePort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *Server) certificate() (cert, key string) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		s.t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		s.t.Fatal(err)
	}
	cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	s.Roots = x509.NewCertPool()
	s.Roots.AppendCertsFromPEM([]byte(cert))
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}))
}

// Restart starts the server, ending the one that runs.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.daemon = exec.Command("dovecot", "-F", "-c", filepath.Join(s.dir, "dovecot.conf"))
	if err := s.daemon.Start(); err != nil {
		s.t.Fatal(err)
	}
	for began := time.Now(); ; {
		c, err := net.Dial("tcp", s.IMAP)
		if err == nil {
			c.Close()
			return
		}
		if time.Since(began) > 20*time.Second {
			log, _ := os.ReadFile(filepath.Join(s.dir, "dovecot.log"))
			s.t.Fatalf("Dovecot does not start:\n%s", log)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// Kill ends the server, and its connections, at once.
func (s *Server) Kill() {
	if s.daemon == nil {
		return
	}
	// The master takes its children along when it is asked to end.
	_ = s.daemon.Process.Signal(os.Interrupt)
	_ = s.daemon.Wait()
	s.daemon = nil
}

// Deliver puts a mail into somebody's inbox, as a mail server does: written elsewhere, then moved there.
func (s *Server) Deliver(name string, raw []byte) {
	s.t.Helper()
	box := s.box(name)
	n := s.mails.Add(1)
	file := fmt.Sprintf("%d.M%dP%d.test", time.Now().Unix(), n, os.Getpid())
	tmp := filepath.Join(box, "tmp", file)
	if err := os.WriteFile(tmp, raw, 0o644); err != nil {
		s.t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(s.dir, "mail")); err == nil {
		s.chown(tmp, info)
	}
	if err := os.Rename(tmp, filepath.Join(box, "new", file)); err != nil {
		s.t.Fatal(err)
	}
}

// box is somebody's Maildir.
func (s *Server) box(name string) string {
	local, _, _ := strings.Cut(name, "@")
	box := filepath.Join(s.dir, "mail", local, "Maildir")
	info, err := os.Stat(filepath.Join(s.dir, "mail"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, sub := range []string{"..", "", "tmp", "new", "cur"} {
		path := filepath.Join(box, sub)
		if err := os.MkdirAll(path, 0o700); err != nil {
			s.t.Fatal(err)
		}
		s.chown(path, info)
	}
	return box
}

// Renumber gives somebody's mails new UIDs, as when an index is lost.
func (s *Server) Renumber(name string) {
	s.t.Helper()
	box := s.box(name)
	for _, pattern := range []string{"dovecot*", "maildirfolder"} {
		files, _ := filepath.Glob(filepath.Join(box, pattern))
		for _, f := range files {
			if err := os.RemoveAll(f); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	// UIDVALIDITY is the time in seconds: within one it would be the same again.
	list := fmt.Sprintf("3 V%d N1 G%032x\n", time.Now().Unix()+s.mails.Add(1), time.Now().UnixNano())
	path := filepath.Join(box, "dovecot-uidlist")
	if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(s.dir, "mail")); err == nil {
		s.chown(path, info)
	}
}

// Remove deletes the n-th of somebody's mails, if there are as many.
func (s *Server) Remove(name string, n int) {
	s.t.Helper()
	box := s.box(name)
	var all []string
	for _, sub := range []string{"cur", "new"} {
		files, _ := filepath.Glob(filepath.Join(box, sub, "*"))
		all = append(all, files...)
	}
	if n < len(all) {
		if err := os.Remove(all[n]); err != nil && !os.IsNotExist(err) {
			s.t.Fatal(err)
		}
	}
}

// Mails are the texts of somebody's mails.
func (s *Server) Mails(name string) []string {
	s.t.Helper()
	var all []string
	for _, sub := range []string{"cur", "new"} {
		files, _ := filepath.Glob(filepath.Join(s.box(name), sub, "*"))
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				s.t.Fatal(err)
			}
			all = append(all, string(raw))
		}
	}
	return all
}
