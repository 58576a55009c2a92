package coordinator

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
)

// signing has a key for every domain but those that are down.
type signing struct {
	key  ed25519.PrivateKey
	down map[string]bool
}

func newSigning(t *testing.T) *signing {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signing{key, map[string]bool{}}
}

func (s *signing) lookup(_ context.Context, name string) ([]string, error) {
	domain, is := strings.CutPrefix(name, "s1._domainkey.")
	switch {
	case s.down[domain]:
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	case is:
		return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(s.key.Public().(ed25519.PublicKey))}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// mail is signed by the domain, unless that is "".
func (s *signing) mail(t *testing.T, domain, header, ics string) []byte {
	t.Helper()
	text := header + "\nTo: notes@acme.com\nMessage-ID: <1@x>\nMIME-Version: 1.0\nContent-Type: text/calendar; charset=utf-8\n\n" + ics
	text = strings.ReplaceAll(text, "\n", "\r\n")
	if domain == "" {
		return []byte(text)
	}
	var b bytes.Buffer
	if err := dkim.Sign(&b, strings.NewReader(text), &dkim.SignOptions{Domain: domain, Selector: "s1", Signer: s.key, HeaderCanonicalization: "relaxed", BodyCanonicalization: "relaxed"}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func event(method string, lines ...string) string {
	return "BEGIN:VCALENDAR\nMETHOD:" + method + "\nBEGIN:VEVENT\nUID:u\nSUMMARY:hush\nDTSTART:20261124T100000Z\nDTEND:20261124T110000Z\n" + strings.Join(lines, "\n") + "\nEND:VEVENT\nEND:VCALENDAR\n"
}

// strict is a connector that believes who proves it.
func (s *signing) strict(t *testing.T, files fstest.MapFS, post *conntest.Post, log *logged) connectors.Connector {
	t.Helper()
	c := &Config{Address: notes, Folder: "mail", Authenticate: true, Domains: []string{"acme.com", "acme.co.uk"}, Senders: []string{"partner.example"}}
	return openWith(t, c, connectors.Env{OpenDir: dir(files), Letters: post, LookupTXT: s.lookup, Now: time.Now}, log)
}

// TestJudge: who may say what.
func TestJudge(t *testing.T) {
	s := newSigning(t)
	const ana, bob, gus, pat, eve = "ana@acme.com", "bob@acme.com", "gus@acme.co.uk", "pat@partner.example", "eve@evil.example"
	type sent struct{ signer, from, method, organizer string }
	organizer := func(a string) string { return "ORGANIZER;CN=x:mailto:" + a }
	for _, c := range []struct {
		name string
		sent []sent // the last one is judged
		want string
	}{
		{"her own", []sent{{"acme.com", ana, "REQUEST", organizer(ana)}}, "accepted"},
		{"in other letters", []sent{{"acme.com", "Ana@ACME.com", "REQUEST", organizer("ANA@acme.COM")}}, "accepted"},
		{"a colleague's", []sent{{"acme.com", bob, "REQUEST", organizer(ana)}}, "accepted"},
		{"a colleague's at another domain", []sent{{"acme.co.uk", gus, "CANCEL", organizer(ana)}}, "accepted"},
		{"nobody organizes", []sent{{"acme.com", ana, "REQUEST", "X-A:b"}}, "accepted"},
		{"not signed", []sent{{"", ana, "REQUEST", organizer(ana)}}, "held: it is not known who sent it: it has no DKIM signature"},
		{"signed by somebody else", []sent{{"evil.example", ana, "CANCEL", organizer(ana)}}, "held: it is not known who sent it: the DKIM signature is of evil.example, which does not speak for acme.com"},
		{"a stranger's", []sent{{"evil.example", eve, "REQUEST", organizer(eve)}}, "held: its sender is at evil.example, which may not schedule"},
		{"a stranger in her name", []sent{{"evil.example", eve, "REQUEST", organizer(ana)}}, "held: its sender is at evil.example"},
		{"a subdomain's", []sent{{"x.acme.com", "ana@x.acme.com", "REQUEST", organizer("ana@x.acme.com")}}, "held: its sender is at x.acme.com"},
		{"a partner's own", []sent{{"partner.example", pat, "REQUEST", organizer(pat)}}, "accepted"},
		{"a partner's delegate", []sent{{"partner.example", pat, "REQUEST", "ORGANIZER;SENT-BY=\"mailto:Pat@partner.example\":mailto:boss@partner.example"}}, "accepted"},
		{"a partner for another partner", []sent{{"partner.example", pat, "REQUEST", organizer("boss@partner.example")}}, "held: its organizer is at partner.example, and is not its sender"},
		{"a partner takes a meeting over", []sent{{"acme.com", ana, "REQUEST", organizer(ana)}, {"partner.example", pat, "REQUEST", organizer(pat)}}, "held: earlier mails name another organizer"},
		{"a partner cancels it", []sent{{"acme.com", ana, "REQUEST", organizer(ana)}, {"partner.example", pat, "CANCEL", organizer(pat)}}, "held: earlier mails name another organizer"},
		{"a partner's again", []sent{{"partner.example", pat, "REQUEST", organizer(pat)}, {"partner.example", pat, "CANCEL", organizer(pat)}}, "accepted"},
		{"what is held binds nobody", []sent{{"", ana, "REQUEST", organizer(ana)}, {"partner.example", pat, "REQUEST", organizer(pat)}}, "accepted"},
		{"a colleague takes a meeting over", []sent{{"acme.com", ana, "REQUEST", organizer(ana)}, {"acme.com", bob, "REQUEST", organizer(bob)}}, "accepted"},
		{"forwarded from outside", []sent{{"acme.com", ana, "REQUEST", organizer(eve)}}, "held: its organizer is at evil.example, and is not its sender"},
		{"an answer", []sent{{"evil.example", eve, "REPLY", "ATTENDEE;PARTSTAT=DECLINED:mailto:" + eve}}, "accepted"},
		{"an answer of a delegate", []sent{{"evil.example", eve, "REPLY", "ATTENDEE;SENT-BY=\"mailto:" + eve + "\";PARTSTAT=DECLINED:mailto:boss@evil.example"}}, "accepted"},
		{"somebody else's answer", []sent{{"evil.example", eve, "REPLY", "ATTENDEE;PARTSTAT=DECLINED:mailto:" + ana}}, "unused: it is an answer of somebody else"},
		{"what changes nothing", []sent{{"", eve, "PUBLISH", organizer(eve)}}, "unused: it changes nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			post, files, log := conntest.NewPost(), fstest.MapFS{}, &logged{}
			conn := s.strict(t, files, post, log)
			var last connectors.Letter
			var cur connectors.Cursor
			for i, m := range c.sent {
				files[fmt.Sprintf("%d.eml", i)] = &fstest.MapFile{Data: s.mail(t, m.signer, "From: "+m.from, event(m.method, m.organizer))}
				p, err := conn.Pull(t.Context(), mailbox, cur, conntest.Horizon)
				if err != nil || len(p.Letters) != 1 {
					t.Fatalf("%d letters, error %v", len(p.Letters), err)
				}
				post.Keep(p.Letters...)
				last, cur = p.Letters[0], p.Next
			}
			if got := strings.TrimSuffix(string(last.State)+": "+last.Reason, ": "); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if all := strings.Join(log.lines, "\n"); strings.Contains(all, "hush") || strings.Contains(all, "@") {
				t.Errorf("logged:\n%s", all)
			}
		})
	}
}

// TestHeld: what is held does nothing until it is released, and then counts as if it had been believed.
func TestHeld(t *testing.T) {
	s, post, log := newSigning(t), conntest.NewPost(), &logged{}
	files := fstest.MapFS{"1.eml": {Data: s.mail(t, "", "From: ana@acme.com", event("REQUEST"))}}
	conn := keeping{s.strict(t, files, post, log), post}
	p, err := conn.Pull(t.Context(), mailbox, "", conntest.Horizon)
	if err != nil || len(p.Events) != 0 || len(post.All()) != 1 {
		t.Fatalf("%d events of %d letters, error %v", len(p.Events), len(post.All()), err)
	}
	// The same mail, proven, is not kept from counting by its copy.
	files["2.eml"] = &fstest.MapFile{Data: s.mail(t, "acme.com", "From: ana@acme.com", event("REQUEST"))}
	again, err := conn.Pull(t.Context(), mailbox, p.Next, conntest.Horizon)
	if err != nil || len(again.Events) != 1 {
		t.Fatalf("proven: %d events, error %v", len(again.Events), err)
	}
	delete(files, "2.eml")
	post.Release(post.All()[0].ID)
	released, err := conn.Pull(t.Context(), mailbox, p.Next, conntest.Horizon)
	if err != nil || len(released.Events) != 1 || released.Events[0].Title != "hush" {
		t.Fatalf("released: %+v, error %v", released.Events, err)
	}
}

// TestDNSDown: mails of domains whose DNS does not answer wait, the others do not; too many of them are held.
func TestDNSDown(t *testing.T) {
	s, post, log := newSigning(t), conntest.NewPost(), &logged{}
	s.down["acme.co.uk"] = true
	files := fstest.MapFS{}
	const waiting = 3
	for i := range waiting {
		files[fmt.Sprintf("%d.eml", i)] = &fstest.MapFile{ModTime: time.Now(), Data: s.mail(t, "acme.co.uk", fmt.Sprintf("Subject: %d\nFrom: gus@acme.co.uk", i), strings.Replace(event("REQUEST"), "UID:u", fmt.Sprint("UID:gus", i), 1))}
	}
	for i := range 2 * batch {
		files[fmt.Sprintf("x%d.eml", i)] = &fstest.MapFile{ModTime: time.Now(), Data: s.mail(t, "acme.com", "From: ana@acme.com", strings.Replace(event("REQUEST"), "UID:u", fmt.Sprint("UID:ana", i), 1))}
	}
	conn := s.strict(t, files, post, log)
	l := conntest.NewLedger()
	l.Post = post
	catchUp := func(want int) {
		t.Helper()
		for p, err := range connectors.Pages(t.Context(), conn, mailbox, l.Cursor, conntest.Horizon) {
			if err != nil {
				t.Fatal(err)
			}
			l.Apply(p)
		}
		if len(l.Copies) != want {
			t.Fatalf("%d meetings, want %d", len(l.Copies), want)
		}
	}
	catchUp(2 * batch)
	catchUp(2 * batch)
	clear(s.down)
	catchUp(2*batch + waiting)

	// Whoever sends many of them holds up nobody.
	s.down["evil.example"] = true
	for i := range 40 {
		files[fmt.Sprintf("e%02d.eml", i)] = &fstest.MapFile{ModTime: time.Now(), Data: s.mail(t, "evil.example", "From: eve@evil.example", strings.Replace(event("REQUEST"), "UID:u", fmt.Sprint("UID:eve", i), 1))}
	}
	files["z.eml"] = &fstest.MapFile{ModTime: time.Now(), Data: s.mail(t, "acme.com", "From: ana@acme.com", strings.Replace(event("REQUEST"), "UID:u", "UID:late", 1))}
	catchUp(2*batch + waiting + 1)
	held := slices.DeleteFunc(post.All(), func(l connectors.Letter) bool { return l.State != connectors.LetterHeld })
	if len(held) != 40-maxWaiting {
		t.Errorf("%d mails are held, want %d", len(held), 40-maxWaiting)
	}
}
