package coordinator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/dovecot"
)

// mailed is an organizer who sends mails to a mailbox at a real IMAP server.
type mailed struct {
	*harness
	s    *dovecot.Server
	user string
	sent int
}

// Connector delivers what the organizer has sent since.
func (h *mailed) Connector(t *testing.T) connectors.Connector {
	names := slices.Sorted(maps.Keys(h.files))
	for _, name := range names {
		if strings.HasSuffix(name, ".eml") && name >= fmt.Sprintf("%05d", h.sent) {
			h.s.Deliver(h.user, h.files[name].Data)
			h.sent++
		}
	}
	c := Config{Address: notes, IMAP: IMAP{Server: h.s.IMAPS, User: h.user, PasswordFile: "password"}, tls: &tls.Config{RootCAs: h.s.Roots}}
	return openWith(t, &c, imapEnv(h.post), discard.Handler())
}

func imapEnv(post *conntest.Post) connectors.Env {
	return connectors.Env{
		Letters: post, Now: func() time.Time { return conntest.Now }, Dial: (&net.Dialer{}).DialContext, HTTP: http.DefaultTransport,
		ReadFile: func(name string) ([]byte, error) {
			words := map[string]string{"password": dovecot.Password + "\n", "wrong": "x", "secret": "s"}
			if words[name] == "" {
				return nil, fs.ErrNotExist
			}
			return []byte(words[name]), nil
		},
	}
}

// TestMailbox: the conformance suite with a real IMAP server between. The times are those of the server, so mails are
// compared by what they say.
func TestMailbox(t *testing.T) {
	s := dovecot.Start(t)
	users := 0
	conntest.Run(t, conntest.Options{NoExpiry: true, NoRefusal: true, Histories: 3}, func(t *testing.T) conntest.Harness {
		users++
		return &mailed{harness: newHarness(t).(*harness), s: s, user: fmt.Sprintf("notes%d@acme.com", users)}
	})
}

// TestMailboxTells: new mail is told of at once.
func TestMailboxTells(t *testing.T) {
	s := dovecot.Start(t)
	c := Config{Address: notes, IMAP: IMAP{Server: s.IMAPS, PasswordFile: "password"}, tls: &tls.Config{RootCAs: s.Roots}}
	told := make(chan time.Time, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	conn := openWith(t, &c, imapEnv(conntest.NewPost()), discard.Handler())
	go func() { done <- conn.(connectors.Listener).Listen(ctx, bell{told}) }()
	<-told // what was there before
	const n = 3
	for i := range n {
		sent := time.Now()
		s.Deliver(notes, asMail(conntest.Now, fmt.Sprint("x", i)))
		t.Logf("told within %s", (<-told).Sub(sent).Round(time.Millisecond))
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// bell rings.
type bell struct{ told chan time.Time }

func (b bell) Changed(calendar.Source)                                           { b.told <- time.Now() }
func (b bell) Deliver(context.Context, calendar.Source, connectors.Letter) error { return nil }

// TestMailboxErrors: what is wrong is said with what to do.
func TestMailboxErrors(t *testing.T) {
	s := dovecot.Start(t)
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("client_secret") != "s" || r.FormValue("scope") != "https://outlook.office365.com/.default" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"AADSTS7000215: no\r\nTrace: x"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, map[string]string{"app": dovecot.Token, "other": "old"}[r.FormValue("client_id")])
	}))
	defer tokens.Close()
	application := IMAP{TokenURL: tokens.URL, ClientID: "app", ClientSecretFile: "secret", Scope: "https://outlook.office365.com/.default", User: "ana@acme.com"}
	with := func(change func(*IMAP)) IMAP { i := application; change(&i); return i }
	for _, c := range []struct {
		name string
		imap IMAP
		want string
	}{
		{"a password", IMAP{PasswordFile: "password"}, ""},
		{"a wrong one", IMAP{PasswordFile: "wrong"}, "check imap.user and its credentials"},
		{"no file", IMAP{PasswordFile: "nowhere"}, "imap.password_file can't be read"},
		{"no mailbox", IMAP{PasswordFile: "password", Mailbox: "Nowhere"}, "correct imap.mailbox"},
		{"an application", application, ""},
		{"an application that is refused", with(func(i *IMAP) { i.ClientID = "other" }), "check imap.user"},
		{"an application without its scope", with(func(i *IMAP) { i.Scope = "x" }), "invalid_client AADSTS7000215: no; check imap.client_id"},
		{"no key", IMAP{ServiceAccountFile: "secret"}, "is no key of a service account"},
	} {
		c.imap.Server = s.IMAPS
		cfg := &Config{Address: notes, IMAP: c.imap, tls: &tls.Config{RootCAs: s.Roots}}
		_, err := openWith(t, cfg, imapEnv(conntest.NewPost()), discard.Handler()).Pull(t.Context(), mailbox, "", conntest.Horizon)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, connectors.ErrAccess)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

// TestTwoBoxes: a folder and a mailbox at a time; the same mail in both is one letter.
func TestTwoBoxes(t *testing.T) {
	s := dovecot.Start(t)
	files := fstest.MapFS{}
	c := Config{Address: notes, Folder: "mail", IMAP: IMAP{Server: s.IMAPS, PasswordFile: "password"}, tls: &tls.Config{RootCAs: s.Roots}}
	post := conntest.NewPost()
	env := imapEnv(post)
	env.OpenDir = dir(files)
	conn := openWith(t, &c, env, discard.Handler())
	l := conntest.NewLedger()
	l.Post = post
	for i := range 3 {
		raw := asMail(conntest.Now.Add(time.Duration(i)*time.Minute), strings.Replace(event("REQUEST"), "UID:u", fmt.Sprint("UID:u", i), 1))
		if i != 1 {
			files[fmt.Sprintf("%d.eml", i)] = &fstest.MapFile{Data: raw}
		}
		if i != 0 {
			s.Deliver(notes, raw)
		}
		for p, err := range connectors.Pages(t.Context(), conn, mailbox, l.Cursor, conntest.Horizon) {
			if err != nil {
				t.Fatal(err)
			}
			l.Apply(p)
		}
		if len(l.Copies) != i+1 || len(post.All()) != i+1 {
			t.Fatalf("%d meetings, %d letters, want %d", len(l.Copies), len(post.All()), i+1)
		}
	}
}

func TestIMAPSettings(t *testing.T) {
	for _, c := range []struct {
		imap IMAP
		want string
	}{
		{IMAP{}, ""},
		{IMAP{Server: "imap.acme.com:993", PasswordFile: "x"}, ""},
		{IMAP{Server: "imap.acme.com", PasswordFile: "x"}, "is no host and port"},
		{IMAP{Server: "imap.acme.com:993"}, "log in by one of them"},
		{IMAP{Server: "imap.acme.com:993", PasswordFile: "x", ServiceAccountFile: "y"}, "log in by one of them"},
		{IMAP{Server: "imap.acme.com:143", PasswordFile: "x", Security: "none"}, "show the password"},
		{IMAP{Server: "127.0.0.1:143", PasswordFile: "x", Security: "none"}, ""},
		{IMAP{Server: "imap.acme.com:143", PasswordFile: "x", Security: "ssl"}, "is none of"},
		{IMAP{Server: "imap.acme.com:993", TokenURL: "https://x", ClientID: "y"}, "goes with"},
		{IMAP{Server: "imap.acme.com:993", PasswordFile: "x", ClientID: "y"}, "go with imap.token_url"},
	} {
		got := ""
		c.imap.validate(func(format string, args ...any) { got += fmt.Sprintf(format, args...) })
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.imap, got, c.want)
		}
	}
}
