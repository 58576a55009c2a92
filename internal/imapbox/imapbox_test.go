package imapbox

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/syncd/internal/dovecot"
)

const ana = "ana@acme.com"

// box is ana's at the server.
func box(s *dovecot.Server) *Box {
	return &Box{
		Address: s.IMAPS, Security: TLS, TLS: &tls.Config{RootCAs: s.Roots}, User: ana, Mailbox: "INBOX", MaxMail: 10_000,
		Password: func(context.Context) (string, error) { return dovecot.Password, nil }, Dial: (&net.Dialer{}).DialContext,
		Patience: 20 * time.Second, Idle: time.Minute,
	}
}

func none(_ context.Context, origins []string) (map[string]bool, error) { return nil, nil }

func text(n int) []byte {
	return fmt.Appendf(nil, "From: ana@acme.com\r\nSubject: %d\r\n\r\nhello\r\n", n)
}

// TestFetch: mails come in batches, each once, and those that are known or too large are not read.
func TestFetch(t *testing.T) {
	s := dovecot.Start(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	b := box(s)
	if mails, pos, err := b.Fetch(t.Context(), Position{}, 100, none); err != nil || len(mails) > 0 || pos.UIDValidity == 0 {
		t.Fatalf("of nothing: %d mails, %+v, error %v", len(mails), pos, err)
	}
	const n = 501
	for i := range n {
		s.Deliver(ana, text(i))
	}
	s.Deliver(ana, append(text(n), bytes.Repeat([]byte("x\r\n"), 10_000)...))
	seen := map[string]int{}
	var pos Position
	large, batches := 0, 0
	for {
		mails, next, err := b.Fetch(t.Context(), pos, 200, none)
		if err != nil {
			t.Fatal(err)
		}
		if next == pos {
			break
		}
		for _, m := range mails {
			if m.Raw == nil {
				large++
			} else {
				seen[string(m.Raw)]++
			}
			if time.Since(m.Received) > time.Hour {
				t.Fatalf("received %s", m.Received)
			}
		}
		pos = next
		batches++
	}
	if len(seen) != n || large != 1 || batches != 3 {
		t.Errorf("%d mails, %d too large, in %d batches", len(seen), large, batches)
	}
	all := func(_ context.Context, origins []string) (map[string]bool, error) {
		known := map[string]bool{}
		for _, o := range origins {
			known[o] = true
		}
		return known, nil
	}
	rounds := 0
	for pos = (Position{}); ; rounds++ {
		mails, next, err := b.Fetch(t.Context(), pos, 200, all)
		if err != nil || len(mails) > 0 {
			t.Fatalf("known ones are read: %d, error %v", len(mails), err)
		}
		if next == pos {
			break
		}
		pos = next
	}
	if rounds > 2 {
		t.Errorf("%d rounds over what is known", rounds)
	}
}

// TestWait: a mail that comes ends the wait; so does a server that goes.
func TestWait(t *testing.T) {
	s := dovecot.Start(t)
	b := box(s)
	next, err := b.Wait(t.Context(), 0)
	if err != nil || next != 1 {
		t.Fatalf("the first: %d, error %v", next, err)
	}
	type result struct {
		next uint32
		err  error
	}
	wait := func() chan result {
		done := make(chan result, 1)
		go func() {
			n, err := b.Wait(t.Context(), next)
			done <- result{n, err}
		}()
		return done
	}
	began := time.Now()
	done := wait()
	s.Deliver(ana, text(1))
	r := <-done
	if r.err != nil || r.next != 2 {
		t.Errorf("a mail: %+v", r)
	}
	t.Logf("told of a mail within %s", time.Since(began).Round(time.Millisecond))
	next = r.next
	done = wait()
	s.Restart()
	if r := <-done; r.err == nil || errors.Is(r.err, ErrLogin) || errors.Is(r.err, ErrMailbox) {
		t.Errorf("a restart: %+v", r)
	}
	s.Deliver(ana, text(2))
	if n, err := b.Wait(t.Context(), next); err != nil || n != 3 {
		t.Errorf("a mail that came meanwhile: %d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() {
		_, err := b.Wait(ctx, 3)
		stopped <- err
	}()
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestLogin: every way in, and what is said where there is none.
func TestLogin(t *testing.T) {
	s := dovecot.Start(t)
	s.Deliver(ana, text(1))
	give := func(word string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return word, nil }
	}
	for _, c := range []struct {
		name   string
		change func(*Box)
		want   error
		says   string
	}{
		{"a password", func(*Box) {}, nil, ""},
		{"a wrong password", func(b *Box) { b.Password = give("wrong") }, ErrLogin, "Authentication failed"},
		{"STARTTLS", func(b *Box) { b.Address, b.Security = s.IMAP, StartTLS }, nil, ""},
		{"no TLS", func(b *Box) { b.Address, b.Security = s.IMAP, None }, nil, ""},
		{"a token", func(b *Box) { b.Token = give(dovecot.Token) }, nil, ""},
		{"a token that is over", func(b *Box) { b.Token = give("old-token") }, ErrLogin, ""},
		{"another mailbox", func(b *Box) { b.Mailbox = "Nowhere" }, ErrMailbox, "Nowhere"},
		{"an unknown certificate", func(b *Box) { b.TLS = nil }, nil, "certificate"},
		{"TLS where there is none", func(b *Box) { b.Address = s.IMAP }, nil, "tls"},
		{"nobody there", func(b *Box) { b.Address = "127.0.0.1:1" }, nil, "refused"},
		{"no secret", func(b *Box) { b.Password = func(context.Context) (string, error) { return "", errors.New("no file") } }, nil, "no file"},
	} {
		b := box(s)
		c.change(b)
		mails, idle, err := b.Check(t.Context())
		switch {
		case c.want == nil && c.says == "" && (err != nil || mails != 1 || !idle):
			t.Errorf("%s: %d mails, idle %v, error %v", c.name, mails, idle, err)
		case c.want != nil && !errors.Is(err, c.want), c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: error %v, want %v, %q", c.name, err, c.want, c.says)
		case err != nil && (strings.Contains(err.Error(), "old-token") || strings.Contains(err.Error(), "wrong")):
			t.Errorf("%s: the error has a secret in it: %v", c.name, err)
		}
	}
}

// A wire is a proxy that can fail.
type wire struct {
	mu     sync.Mutex
	to     string
	silent bool // nothing goes through any more
	slow   bool // a byte at a time
	inject string
}

func (w *wire) dial(context.Context, string, string) (net.Conn, error) {
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	pass := func(dst, src net.Conn, down bool) {
		defer dst.Close()
		defer src.Close()
		r := bufio.NewReader(src)
		for {
			line, err := r.ReadBytes('\n')
			w.mu.Lock()
			silent, inject := w.silent, w.inject
			w.mu.Unlock()
			if silent {
				_, _ = io.Copy(io.Discard, r)
				return
			}
			if down && inject != "" && !bytes.HasPrefix(line, []byte("* OK")) {
				_, _ = io.WriteString(dst, inject)
			}
			for chunk := range slices.Chunk(line, map[bool]int{true: 1, false: max(1, len(line))}[w.slow]) {
				if _, err := dst.Write(chunk); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	go pass(server, theirs, false)
	go pass(theirs, server, true)
	return ours, nil
}

// TestBlackHole: a connection on which nothing comes any more is noticed, waiting or reading.
func TestBlackHole(t *testing.T) {
	s := dovecot.Start(t)
	s.Deliver(ana, text(1))
	for name, f := range map[string]func(*Box) error{
		"waiting": func(b *Box) error { _, err := b.Wait(t.Context(), 2); return err },
		"reading": func(b *Box) error {
			_, _, err := b.Fetch(t.Context(), Position{}, 10, func(context.Context, []string) (map[string]bool, error) {
				return nil, nil
			})
			return err
		},
	} {
		w := &wire{to: s.IMAP}
		b := box(s)
		b.Security, b.Dial, b.Patience, b.Idle = None, w.dial, 300*time.Millisecond, 300*time.Millisecond
		if name == "reading" {
			b.Password = func(context.Context) (string, error) {
				w.mu.Lock()
				w.silent = true
				w.mu.Unlock()
				return dovecot.Password, nil
			}
		} else {
			time.AfterFunc(200*time.Millisecond, func() {
				w.mu.Lock()
				w.silent = true
				w.mu.Unlock()
			})
		}
		if err := f(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestSlow: a connection that gives a byte at a time gives everything.
func TestSlow(t *testing.T) {
	s := dovecot.Start(t)
	for i := range 20 {
		s.Deliver(ana, text(i))
	}
	w := &wire{to: s.IMAP, slow: true}
	b := box(s)
	b.Security, b.Dial = None, w.dial
	if mails, _, err := b.Fetch(t.Context(), Position{}, 100, none); err != nil || len(mails) != 20 {
		t.Errorf("%d mails, error %v", len(mails), err)
	}
}

// TestHostile: whatever a server says, it ends in an answer or an error, soon, and in little memory.
func TestHostile(t *testing.T) {
	for _, greeting := range []string{
		"", "\r\n", "* BYE no\r\n", "* OK hi\r\n* 99999999999 EXISTS\r\n", "* OK hi\r\n)\r\n", "* PREAUTH hi\r\n",
		"* OK hi\r\n* 1 FETCH (UID 1 BODY[] {4294967295}\r\nx", "* PREAUTH hi\r\n* 1 FETCH (ENVELOPE NIL)\r\n", "* OK [CAPABILITY IMAP4rev1 IDLE\r\n", "HTTP/1.1 200 OK\r\n\r\n",
		"* PREAUTH [CAPABILITY IMAP4rev1] x\r\nT1 OK done\r\nT2 OK done\r\nT3 OK done\r\n", "* PREAUTH x\r\n* OK [UIDVALIDITY 1] x\r\n* 9 EXISTS\r\nT1 OK x\r\n* SEARCH 1 2 3\r\nT2 OK x\r\n* 1 FETCH (UID 1 RFC822.SIZE 5)\r\nT3 OK x\r\n* 1 FETCH (UID 1 BODY[] {99999999}\r\n" + strings.Repeat("x", 100_000),
	} {
		b := &Box{
			Address: "imap.acme.com:143", Security: None, User: ana, Mailbox: "INBOX", MaxMail: 1000, Patience: 200 * time.Millisecond, Idle: 200 * time.Millisecond,
			Password: func(context.Context) (string, error) { return "x", nil },
			Dial: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() { _, _ = io.Copy(io.Discard, theirs) }()
				go func() { _, _ = io.WriteString(theirs, greeting) }()
				return ours, nil
			},
		}
		mails, _, err := b.Fetch(t.Context(), Position{}, 10, none)
		if err == nil {
			t.Errorf("%.60q: %d mails", greeting, len(mails))
		}
	}
}

// TestHistories: whatever happens to a mailbox and on the way to it, every mail that stays in it is read, and the same
// one not twice under one name.
func TestHistories(t *testing.T) {
	s := dovecot.Start(t)
	for seed := range uint64(12) {
		user := fmt.Sprintf("user%d@acme.com", seed)
		r := rand.New(rand.NewPCG(seed, 3))
		w := &wire{to: s.IMAP}
		b := box(s)
		b.User, b.Security, b.Dial, b.Patience = user, None, w.dial, 2*time.Second
		kept, bodies := map[string]bool{}, map[string]bool{}
		known := func(_ context.Context, origins []string) (map[string]bool, error) {
			all := map[string]bool{}
			for _, o := range origins {
				all[o] = kept[o]
			}
			return all, nil
		}
		var pos Position
		sent := map[string]bool{}
		pull := func() error {
			for {
				mails, next, err := b.Fetch(t.Context(), pos, 1+r.IntN(5), known)
				if err != nil || next == pos {
					return err
				}
				if r.IntN(6) == 0 {
					return nil // the process dies before it has kept them
				}
				for _, m := range mails {
					if kept[m.Origin()] {
						t.Fatalf("seed %d: %s is read twice", seed, m.Origin())
					}
					kept[m.Origin()], bodies[string(m.Raw)] = true, true
				}
				if r.IntN(6) == 0 {
					return nil // or before it has noted how far it came
				}
				pos = next
			}
		}
		for i := range 30 {
			switch n := r.IntN(20); {
			case n < 11:
				s.Deliver(user, text(i))
				sent[string(text(i))] = true
			case n < 13 && len(sent) > 0:
				s.Remove(user, r.IntN(len(sent)))
			case n < 14:
				s.Renumber(user)
			case n == 14 && seed%4 == 0:
				s.Restart()
			case n == 15:
				w.mu.Lock()
				w.inject = []string{"", "* 5 EXISTS\r\n", "* nonsense\r\n", "* 99999999999 EXISTS\r\n"}[r.IntN(4)]
				w.mu.Unlock()
			default:
				_ = pull() // whatever goes wrong, it goes on from where it was
			}
		}
		w.mu.Lock()
		w.inject = ""
		w.mu.Unlock()
		here := s.Mails(user)
		for {
			before := pos
			if err := pull(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if pos == before {
				if mails, next, err := b.Fetch(t.Context(), pos, 100, known); err == nil && len(mails) == 0 && next == pos {
					break
				}
			}
		}
		for _, raw := range here {
			if !bodies[raw] {
				t.Fatalf("seed %d: a mail was never read; %d of %d were", seed, len(bodies), len(here))
			}
		}
		if extra := slices.DeleteFunc(slices.Collect(maps.Keys(bodies)), func(b string) bool { return sent[b] }); len(extra) > 0 {
			t.Fatalf("seed %d: mails that nobody sent: %q", seed, extra)
		}
	}
}

func BenchmarkFetch(b *testing.B) {
	s := dovecot.Start(b)
	for i := range 500 {
		s.Deliver(ana, text(i))
	}
	at := box(s)
	for b.Loop() {
		if mails, _, err := at.Fetch(b.Context(), Position{}, 500, none); err != nil || len(mails) != 500 {
			b.Fatal(len(mails), err)
		}
	}
}
