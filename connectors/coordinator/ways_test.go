package coordinator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
)

// desktop is a desk that keeps letters, unless it is broken.
type desktop struct {
	mu      sync.Mutex
	post    *conntest.Post
	broken  error
	changed int
}

func (d *desktop) Deliver(_ context.Context, _ calendar.Source, l connectors.Letter) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	d.post.Keep(l)
	return nil
}

func (d *desktop) Changed(calendar.Source) {
	d.mu.Lock()
	d.changed++
	d.mu.Unlock()
}

// states are those of the letters that were kept.
func (d *desktop) states() (all []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.post.All() {
		all = append(all, string(l.State))
	}
	return all
}

var errFull = errors.New("the disk is full")

// listening is a connector that takes mail, and where.
func listening(t *testing.T, s *signing, cfg LMTP, d *desktop) (address string, log *logged) {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	log = &logged{}
	at := make(chan string, 1)
	conn := openWith(t, &Config{Address: notes, Authenticate: true, Domains: []string{"acme.com"}, LMTP: cfg}, connectors.Env{
		LookupTXT: s.lookup, Now: time.Now, Letters: d.post,
		Listen: func(ctx context.Context, network, address string) (net.Listener, error) {
			l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
			if err == nil {
				at <- l.Addr().String()
			}
			return l, err
		},
	}, log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- conn.(connectors.Listener).Listen(ctx, d) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return <-at, log
}

// TestHandedOver: a mail server hears 250 when the mail is kept, and else what to do.
func TestHandedOver(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("by", func(t *testing.T) {
		for _, protocol := range []string{protocolLMTP, protocolSMTP} {
			s, d := newSigning(t), &desktop{post: conntest.NewPost()}
			s.down["acme.co.uk"] = true
			address, log := listening(t, s, LMTP{Protocol: protocol}, d)
			good := s.mail(t, "acme.com", "From: ana@acme.com", event("REQUEST"))
			for _, c := range []struct {
				name, to string
				mail     []byte
				broken   error
				want     string
				kept     int
			}{
				{"an invite", notes, good, nil, "", 1},
				{"with a plus", "Notes+globex@acme.com", s.mail(t, "acme.com", "From: ana@acme.com", event("CANCEL")), nil, "", 2},
				{"the same again", notes, good, nil, "", 2},
				{"what is held", notes, s.mail(t, "", "From: ana@acme.com", event("REQUEST")), nil, "", 3},
				{"no invite", notes, []byte("From: ana@acme.com\r\n\r\nhello\r\n"), nil, "", 4},
				{"to somebody else", "ana@acme.com", good, nil, "550", 4},
				{"a full disk", notes, s.mail(t, "acme.com", "From: ana@acme.com", event("REQUEST", "SEQUENCE:2")), errFull, "451", 4},
				{"no DNS", notes, s.mail(t, "acme.co.uk", "From: gus@acme.co.uk", event("REQUEST")), nil, "451", 4},
				{"too large", notes, append(bytes.Clone(good), bytes.Repeat([]byte("x\r\n"), maxMail/3)...), nil, "552", 4},
				{"an odd line", notes, append(bytes.Clone(good), bytes.Repeat([]byte("x"), 1<<20)...), nil, "any", 4},
				{"another mail inside", notes, append(bytes.Clone(good), "\n.\nMAIL FROM:<eve@evil.example>\n.\r\nRCPT TO:<notes@acme.com>\r\n"...), nil, "", 4},
			} {
				d.mu.Lock()
				d.broken = c.broken
				d.mu.Unlock()
				err := hand(t, protocol, address, c.to, c.mail)
				if c.want == "" && err != nil || c.want != "" && (err == nil || c.want != "any" && !strings.HasPrefix(code(err), c.want)) {
					t.Errorf("%s, %s: error %v, want %q", protocol, c.name, err, c.want)
				}
				if got := d.states(); len(got) != c.kept {
					t.Errorf("%s, %s: %v are kept, want %d", protocol, c.name, got, c.kept)
				}
			}
			if all := strings.Join(log.lines, "\n"); strings.Contains(all, "hush") || strings.Contains(all, "ana@") {
				t.Errorf("logged:\n%s", all)
			}
		}
	})
}

func hand(t *testing.T, protocol, address, to string, raw []byte) error {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClient(conn)
	if protocol == protocolLMTP {
		c = smtp.NewClientLMTP(conn)
	}
	defer c.Close()
	if err := c.Mail("bounce@acme.com", nil); err != nil {
		return err
	}
	if err := c.Rcpt(to, nil); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	return w.Close()
}

// code is the answer's.
func code(err error) string {
	var one *smtp.SMTPError
	if errors.As(err, &one) {
		return fmt.Sprint(one.Code)
	}
	return err.Error()
}

// TestAllowed: who may connect.
func TestAllowed(t *testing.T) {
	c := &connector{cfg: Config{LMTP: LMTP{Allow: []string{"10.1.0.0/16", "2001:db8::/32"}}}}
	for from, want := range map[string]bool{"127.0.0.1": true, "::1": true, "10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.2.3": false, "2001:db8::1": true, "2001:db9::1": false, "192.0.2.1": false} {
		if got := c.allowed(&net.TCPAddr{IP: net.ParseIP(from), Port: 1}); got != want {
			t.Errorf("%s: %v", from, got)
		}
	}
	for cfg, want := range map[*LMTP]string{
		{Listen: "127.0.0.1:24"}:   "",
		{Listen: "[::1]:24"}:       "",
		{Listen: "unix:/run/lmtp"}: "",
		{Listen: ":24"}:            "name in lmtp.allow",
		{Listen: "0.0.0.0:24"}:     "name in lmtp.allow",
		{Listen: "0.0.0.0:24", Allow: []string{"10.0.0.0/8"}}: "",
		{Listen: "0.0.0.0:24", Allow: []string{"10.0.0.0"}}:   "is no network",
		{Listen: "24"}: "is no address",
		{Listen: "127.0.0.1:24", Protocol: "pop"}: "is none of lmtp, smtp",
		{Listen: "127.0.0.1:24", CertFile: "x"}:   "go together",
		{Protocol: "smtp"}:                        "lmtp.listen is missing",
	} {
		got := ""
		cfg.validate(func(format string, args ...any) { got += fmt.Sprintf(format, args...) })
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%+v: %q, want %q", *cfg, got, want)
		}
	}
}

// TestPosted: what services post is kept, and nobody else's.
func TestPosted(t *testing.T) {
	s, d := newSigning(t), &desktop{post: conntest.NewPost()}
	s.down["acme.co.uk"] = true
	good := s.mail(t, "acme.com", "From: ana@acme.com", event("REQUEST"))
	conn := openWith(t, &Config{Address: notes, Authenticate: true, Domains: []string{"acme.com"}, HTTP: HTTP{TokenFile: "token"}}, connectors.Env{
		LookupTXT: s.lookup, Now: time.Now, Letters: d.post, ReadFile: func(name string) ([]byte, error) {
			if name != "token" {
				return nil, fs.ErrNotExist
			}
			return []byte("long random word\n"), nil
		},
	}, &logged{}).(connectors.MailReceiver)
	form := func(fields ...string) (string, string) {
		v := url.Values{}
		for i := 0; i < len(fields); i += 2 {
			v.Set(fields[i], fields[i+1])
		}
		return "application/x-www-form-urlencoded", v.Encode()
	}
	parts := func(fields ...string) (string, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for i := 0; i < len(fields); i += 2 {
			_ = w.WriteField(fields[i], fields[i+1])
		}
		_ = w.Close()
		return w.FormDataContentType(), b.String()
	}
	object := func(v any) (string, string) {
		b, _ := json.Marshal(v)
		return "application/json", string(b)
	}
	both := func(kind, body string) [2]string { return [2]string{kind, body} }
	for _, c := range []struct {
		name, user, password string
		body                 [2]string
		want                 int
		says                 string
	}{
		{"as it is", "", "", both("message/rfc822", string(good)), 200, ""},
		{"as it is, without a type", "x", "long random word", both("", string(good)), 200, ""},
		{"Mailgun", "", "", both(form("body-mime", string(good), "recipient", notes)), 200, ""},
		{"SendGrid", "", "", both(parts("email", string(good), "envelope", `{"to":["Notes+a@acme.com"]}`)), 200, ""},
		{"Postmark", "", "", both(object(map[string]string{"RawEmail": string(good), "OriginalRecipient": notes})), 200, ""},
		{"a wrong password", "x", "y", both("message/rfc822", string(good)), 401, "show the token"},
		{"to somebody else", "", "", both(form("body-mime", string(good), "recipient", "ana@acme.com")), 406, "another address"},
		{"SendGrid's, not raw", "", "", both(parts("text", "hello")), 400, "it has no raw mail"},
		{"Postmark's, not raw", "", "", both(object(map[string]string{"TextBody": "hello"})), 400, "it has no RawEmail"},
		{"no JSON", "", "", both("application/json", "{"), 400, "no JSON object"},
		{"empty", "", "", both("message/rfc822", ""), 400, "it is empty"},
		{"another type", "", "", both("image/png", "x"), 415, "post the mail as"},
		{"a broken type", "", "", both("a/b; c", "x"), 415, "can't be read"},
		{"too large", "", "", both("message/rfc822", strings.Repeat("x", maxPost+1)), 413, "larger"},
		{"no DNS", "", "", both("message/rfc822", string(s.mail(t, "acme.co.uk", "From: gus@acme.co.uk", event("REQUEST")))), 503, "later"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/mail/coordinator/notes", strings.NewReader(c.body[1]))
		r.Header.Set("Content-Type", c.body[0])
		if c.body[0] == "" {
			r.Header.Del("Content-Type")
		}
		if c.password == "" {
			r.Header.Set("Authorization", "Bearer long random word")
		} else {
			r.SetBasicAuth(c.user, c.password)
		}
		w := httptest.NewRecorder()
		conn.ServeMail(w, r, d)
		body, _ := io.ReadAll(w.Result().Body)
		if w.Code != c.want || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %d %s, want %d %q", c.name, w.Code, body, c.want, c.says)
		}
	}
	if got := d.states(); len(got) != 1 {
		t.Errorf("%v are kept; it was the same mail each time", got)
	}
	d.broken = errFull
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(good))
	r.Header.Set("Authorization", "Bearer long random word")
	w := httptest.NewRecorder()
	conn.ServeMail(w, r, d)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("a full disk: %d", w.Code)
	}
}
