package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// switchboard is the side of a provider that pushes.
type switchboard struct {
	url   string
	life  time.Duration // of a subscription, at most
	same  bool          // a renewed one keeps its id and secret
	fault func() error
	slow  func() // called while a calendar is pulled

	mu    sync.Mutex
	subs  map[string]connectors.Subscription // by id, with their secrets
	who   map[string]string                  // by id: the calendar
	calls []string
	pulls map[string]int
}

func newSwitchboard() *switchboard {
	return &switchboard{
		url: "https://syncd.acme.com", life: 72 * time.Hour, subs: map[string]connectors.Subscription{},
		who: map[string]string{}, pulls: map[string]int{},
	}
}

// note takes down a call, and fails it if it must.
func (b *switchboard) note(what string, src calendar.Source) error {
	b.calls = append(b.calls, what+" "+src.Calendar)
	if b.fault != nil {
		return b.fault()
	}
	return nil
}

// called are the calls since it was asked last.
func (b *switchboard) called() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.Sort(b.calls)
	all := strings.Join(b.calls, ", ")
	b.calls = nil
	return all
}

// tell is what the provider would push about the calendars.
func (b *switchboard) tell(calendars ...string) (pushes []connectors.Push) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []string
	for id := range b.subs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if slices.Contains(calendars, b.who[id]) {
			pushes = append(pushes, connectors.Push{Subscription: id, Secret: b.subs[id].Secret, Resource: b.subs[id].Resource})
		}
	}
	return pushes
}

func (b *switchboard) pulled(calendar string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pulls[calendar]
}

// pushing is a tenant whose provider pushes.
type pushing struct {
	*tenant
	board *switchboard
}

var _ connectors.Pusher = pushing{}

func (p pushing) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, w calendar.Window) (connectors.Page, error) {
	page, err := p.tenant.Pull(ctx, src, cur, w)
	p.board.mu.Lock()
	if !page.More {
		p.board.pulls[src.Calendar]++
	}
	p.board.mu.Unlock()
	if p.board.slow != nil {
		p.board.slow()
	}
	return page, err
}

func (p pushing) Subscribe(_ context.Context, src calendar.Source, s connectors.Subscription) (connectors.Subscription, error) {
	b := p.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.note("subscribe", src); err != nil {
		return connectors.Subscription{}, err
	}
	return b.add(src, s), nil
}

func (b *switchboard) add(src calendar.Source, s connectors.Subscription) connectors.Subscription {
	s.Resource, s.Until = "calendar of "+src.Calendar, s.Until.Add(b.life-7*24*time.Hour)
	b.subs[s.ID], b.who[s.ID] = s, src.Calendar
	return s
}

func (p pushing) Renew(_ context.Context, src calendar.Source, old, next connectors.Subscription) (connectors.Subscription, error) {
	b := p.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.note("renew", src); err != nil {
		return connectors.Subscription{}, err
	}
	if old.Secret != "" {
		return old, errors.New("the old secret is known still")
	}
	if b.same {
		next.ID, next.Secret = old.ID, b.subs[old.ID].Secret
	} else {
		delete(b.subs, old.ID)
	}
	return b.add(src, next), nil
}

func (p pushing) Unsubscribe(_ context.Context, src calendar.Source, s connectors.Subscription) error {
	b := p.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.note("unsubscribe", src); err != nil {
		return err
	}
	delete(b.subs, s.ID)
	return nil
}

func (pushing) Receive(http.ResponseWriter, *http.Request) []connectors.Push { return nil }

// after lets time go by and passes.
func (d *daemon) after(e *engine.Engine, wait time.Duration) {
	d.t.Helper()
	d.now = d.now.Add(wait)
	if err := e.Pass(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

func pushDaemon(t *testing.T, users ...string) *daemon {
	d := newDaemon(t, users...)
	d.push = newSwitchboard()
	return d
}

// try runs f with a new process.
func (d *daemon) try(f func(*engine.Engine, *store.Store)) {
	d.t.Helper()
	if err := d.session(func(e *engine.Engine, st *store.Store) error { f(e, st); return nil }); err != nil {
		d.t.Fatal(err)
	}
}

// TestSubscriptions: each calendar has one, over restarts, renewed before it ends, to the address of now.
func TestSubscriptions(t *testing.T) {
	d := pushDaemon(t, "ana@acme.com", "bo@acme.com")
	expect := func(about, want string) {
		t.Helper()
		if got := d.push.called(); got != want {
			t.Errorf("%s: the provider was asked to %q, want %q", about, got, want)
		}
	}
	d.try(func(e *engine.Engine, _ *store.Store) {
		d.after(e, 0)
		expect("the first pass", "subscribe ana@acme.com, subscribe bo@acme.com")
		d.after(e, 2*time.Minute)
		expect("the second", "")
	})
	for _, s := range d.push.subs {
		if s.Address != "https://syncd.acme.com/push/google/acme.com" || len(s.Secret) < 26 || len(s.ID) < 26 || len(s.ID) > 64 {
			t.Errorf("asked for %+v", s)
		}
	}
	d.try(func(e *engine.Engine, st *store.Store) {
		d.after(e, 2*time.Minute)
		expect("behind a restart", "")
		d.after(e, 47*time.Hour) // of 72: more than a third is left
		expect("early", "")
		d.after(e, 2*time.Hour)
		expect("late", "renew ana@acme.com, renew bo@acme.com")
		if all, err := st.Subscriptions(t.Context()); err != nil || len(all) != 2 {
			t.Errorf("%d are stored, %v", len(all), err)
		}
		d.after(e, time.Hour)
		expect("later", "")
		d.after(e, 100*time.Hour)
		expect("everything was over", "subscribe ana@acme.com, subscribe bo@acme.com")
	})
	d.push.url = "https://other.acme.com"
	d.try(func(e *engine.Engine, st *store.Store) {
		d.after(e, time.Hour)
		expect("another address", "subscribe ana@acme.com, subscribe bo@acme.com, unsubscribe ana@acme.com, unsubscribe bo@acme.com")
		if all, err := st.Subscriptions(t.Context()); err != nil || len(all) != 2 || all[0].Address != "https://other.acme.com/push/google/acme.com" {
			t.Errorf("stored %+v, %v", all, err)
		}
		d.after(e, time.Hour)
		expect("later", "")
		if err := e.Unsubscribe(t.Context(), d.tn.log("ana@acme.com").source); err != nil {
			t.Error(err)
		}
		expect("ana is let go", "unsubscribe ana@acme.com")
		if all, err := st.Subscriptions(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("%d are stored, %v", len(all), err)
		}
	})
	d.push.url = ""
	d.try(func(e *engine.Engine, _ *store.Store) {
		d.after(e, 100*time.Hour)
		expect("not configured any more", "")
		if _, ok := e.Pusher("google", "acme.com"); ok {
			t.Error("pushes are taken")
		}
	})
	secrets := 0
	dump, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range d.push.subs {
		secrets++
		if bytes.Contains(dump, []byte(s.Secret)) || strings.Contains(d.logs.String(), s.Secret) {
			t.Error("a secret is stored or logged")
		}
	}
	if secrets == 0 {
		t.Error("there are no secrets to look for")
	}
}

// TestRenewedInPlace: a subscription that only lasts longer keeps its secret.
func TestRenewedInPlace(t *testing.T) {
	d := pushDaemon(t, "ana@acme.com")
	d.push.same = true
	d.try(func(e *engine.Engine, _ *store.Store) {
		d.after(e, 0)
		d.after(e, 50*time.Hour)
		if got := d.push.called(); got != "subscribe ana@acme.com, renew ana@acme.com" && got != "renew ana@acme.com, subscribe ana@acme.com" {
			t.Fatal(got)
		}
		d.now = d.now.Add(10 * time.Second)
		before := d.push.pulled("ana@acme.com")
		e.Pushed("google", "acme.com", d.push.tell("ana@acme.com"))
		d.after(e, 0)
		if got := d.push.pulled("ana@acme.com") - before; got != 1 {
			t.Errorf("pulled %d times", got)
		}
	})
}

// TestUnsubscribable: what fails rests, what can't be rests longer, and nobody is asked often.
func TestUnsubscribable(t *testing.T) {
	for _, c := range []struct {
		err            error
		quiet, renewed time.Duration
	}{
		{errors.New("500"), 53 * time.Minute, 67 * time.Minute},
		{connectors.ErrAccess, 53 * time.Minute, 67 * time.Minute},
		{fmt.Errorf("400: %w", connectors.ErrNoPush), 21 * time.Hour, 27 * time.Hour},
		{&connectors.ThrottledError{After: 3 * time.Hour, Err: errors.New("429")}, 170 * time.Minute, 181 * time.Minute},
	} {
		d := pushDaemon(t, "ana@acme.com")
		d.push.fault = func() error { return c.err }
		d.try(func(e *engine.Engine, st *store.Store) {
			begin := d.now
			d.after(e, 0)
			if got := d.push.called(); got != "subscribe ana@acme.com" {
				t.Fatal(got)
			}
			for step := c.quiet / 5; d.now.Sub(begin)+step <= c.quiet; {
				d.after(e, step)
				if got := d.push.called(); got != "" {
					t.Errorf("%v: behind %s: %s", c.err, d.now.Sub(begin), got)
				}
			}
			d.push.fault = nil
			d.after(e, c.renewed-d.now.Sub(begin))
			if all, err := st.Subscriptions(t.Context()); err != nil || len(all) != 1 {
				t.Errorf("%v: behind %s there are %d, %v", c.err, c.renewed, len(all), err)
			}
			sources, err := st.Sources(t.Context())
			if err != nil || sources[0].Failures != 0 || sources[0].Error != "" {
				t.Errorf("%v: the calendar suffers: %+v, %v", c.err, sources[0], err)
			}
		})
	}
}

// TestManyAtOnce: one pass asks only so often, and stops where everything fails; later ones go on.
func TestManyAtOnce(t *testing.T) {
	var users []string
	for i := range 100 {
		users = append(users, fmt.Sprintf("u%03d@acme.com", i))
	}
	d := pushDaemon(t, users...)
	d.push.fault = func() error { return errors.New("503") }
	d.try(func(e *engine.Engine, st *store.Store) {
		d.after(e, 0)
		if n := strings.Count(d.push.called(), "subscribe"); n < 8 || n > 12 {
			t.Errorf("%d attempts where all fail", n)
		}
		d.push.fault = nil
		for _, want := range []int{64, 92} { // 8 rest
			d.after(e, 2*time.Minute)
			if all, err := st.Subscriptions(t.Context()); err != nil || len(all) < want-4 || len(all) > want {
				t.Errorf("%d subscriptions, want about %d, %v", len(all), want, err)
			}
		}
	})
}

// TestPushes: who knows a subscription's secret has its calendar pulled at once, once, and nobody else has.
func TestPushes(t *testing.T) {
	const ana = "ana@acme.com"
	d := pushDaemon(t, ana, "bo@acme.com")
	d.try(func(e *engine.Engine, _ *store.Store) {
		e.Poll = time.Hour
		e, err := engine.New(e.Config)
		if err != nil {
			t.Fatal(err)
		}
		d.after(e, 0)
		if _, ok := e.Pusher("google", "acme.com"); !ok {
			t.Error("the connection takes no pushes")
		}
		if _, ok := e.Pusher("google", "globex.com"); ok {
			t.Error("a connection that there is not takes pushes")
		}
		good := d.push.tell(ana)[0]
		for _, c := range []struct {
			about   string
			account string
			change  func(*connectors.Push)
			times   int
			want    int
		}{
			{"a push", "acme.com", func(*connectors.Push) {}, 1, 1},
			{"a thousand", "acme.com", func(*connectors.Push) {}, 1000, 1},
			{"that does not say of what", "acme.com", func(p *connectors.Push) { p.Resource = "" }, 1, 1},
			{"another secret", "acme.com", func(p *connectors.Push) { p.Secret = "x" }, 3, 0},
			{"no secret", "acme.com", func(p *connectors.Push) { p.Secret = "" }, 3, 0},
			{"another resource", "acme.com", func(p *connectors.Push) { p.Resource = "x" }, 3, 0},
			{"another connection", "globex.com", func(*connectors.Push) {}, 3, 0},
			{"another subscription", "acme.com", func(p *connectors.Push) { p.Subscription = d.push.tell("bo@acme.com")[0].Subscription }, 3, 0},
			{"none", "acme.com", func(p *connectors.Push) { p.Subscription = "" }, 3, 0},
			{"a long name", "acme.com", func(p *connectors.Push) { p.Subscription = strings.Repeat("x", 1<<20) }, 3, 0},
			{"and a push again", "acme.com", func(*connectors.Push) {}, 2, 1},
		} {
			d.now = d.now.Add(10 * time.Second)
			before, other := d.push.pulled(ana), d.push.pulled("bo@acme.com")
			p := good
			c.change(&p)
			for range c.times {
				e.Pushed("google", c.account, []connectors.Push{p})
			}
			d.after(e, 0)
			d.after(e, time.Second)
			if a, o := d.push.pulled(ana)-before, d.push.pulled("bo@acme.com")-other; a != c.want || o != 0 {
				t.Errorf("%s: ana was pulled %d times, bo %d times", c.about, a, o)
			}
		}
		if strings.Contains(d.logs.String(), good.Secret) {
			t.Error("a secret is in the log")
		}
	})
}

// TestQuietPull: what is pushed again and again is pulled now and then.
func TestQuietPull(t *testing.T) {
	d := pushDaemon(t, "ana@acme.com")
	d.try(func(e *engine.Engine, _ *store.Store) {
		d.after(e, 0)
		for range 50 {
			e.Pushed("google", "acme.com", d.push.tell("ana@acme.com"))
			d.after(e, time.Second)
		}
		if n := d.push.pulled("ana@acme.com"); n < 9 || n > 12 {
			t.Errorf("pulled %d times in 50 seconds", n)
		}
	})
}

// TestEnded: a subscription that its provider has ended is made anew, and the calendar looked at.
func TestEnded(t *testing.T) {
	d := pushDaemon(t, "ana@acme.com")
	d.try(func(e *engine.Engine, st *store.Store) {
		d.after(e, 0)
		d.now = d.now.Add(2 * time.Minute)
		p := d.push.tell("ana@acme.com")[0]
		p.Ended = true
		delete(d.push.subs, p.Subscription)
		e.Pushed("google", "acme.com", []connectors.Push{p})
		d.after(e, 0)
		all, err := st.Subscriptions(t.Context())
		if err != nil || len(all) != 1 || all[0].ID == p.Subscription || d.push.subs[all[0].ID].ID == "" {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

// TestPushedWhileParked: a push does not shorten a wait, and is not forgotten by it.
func TestPushedWhileParked(t *testing.T) {
	const ana = "ana@acme.com"
	for _, fault := range []error{&connectors.ThrottledError{After: time.Hour, Err: errors.New("429")}, connectors.ErrAccess, errors.New("500")} {
		d := pushDaemon(t, ana)
		d.try(func(e *engine.Engine, _ *store.Store) {
			d.after(e, 0)
			d.push.called()
			d.tn.fault = func() error { return fault }
			d.after(e, 2*time.Minute)
			before := d.push.pulled(ana)
			e.Pushed("google", "acme.com", d.push.tell(ana))
			d.after(e, 10*time.Second)
			if got := d.push.pulled(ana) - before; got != 0 {
				t.Errorf("%v: pulled %d times", fault, got)
			}
			d.tn.fault = nil
			d.after(e, 2*time.Hour)
			if got := d.push.pulled(ana) - before; got != 1 {
				t.Errorf("%v: when the wait is over: pulled %d times", fault, got)
			}
		})
	}
	// A calendar that is refused is not subscribed to, and neither is one of a connection that is gone.
	d := pushDaemon(t, ana)
	d.tn.fault = func() error { return connectors.ErrAccess }
	d.try(func(e *engine.Engine, _ *store.Store) { d.after(e, 0) })
	d.tn.fault, d.gone = nil, true
	d.try(func(e *engine.Engine, _ *store.Store) { d.after(e, time.Hour) })
	if got := d.push.called(); got != "" {
		t.Errorf("asked to %s", got)
	}
}

// running runs the engine until f returns. It is called in a bubble, whose time is the daemon's.
func (d *daemon) running(f func(*engine.Engine)) {
	d.t.Helper()
	d.try(func(e *engine.Engine, _ *store.Store) {
		e.Now, e.Poll = time.Now, time.Hour
		e, err := engine.New(e.Config)
		if err != nil {
			d.t.Fatal(err)
		}
		ctx, stop := context.WithCancel(d.t.Context())
		done := make(chan error)
		go func() { done <- e.Run(ctx, func(context.Context) error { return nil }) }()
		f(e)
		stop()
		if err := <-done; err != nil {
			d.t.Error(err)
		}
	})
}

// TestPushDuringPull: what changes behind the provider's answer, while that is still being read, and is pushed
// then, is found by one more pull, not by the next poll. Pushes meanwhile wait for nobody.
func TestPushDuringPull(t *testing.T) {
	const ana = "ana@acme.com"
	synctest.Test(t, func(t *testing.T) {
		d := pushDaemon(t, ana)
		d.now = time.Now()
		d.running(func(e *engine.Engine) {
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := d.push.pulled(ana); n != 1 {
				t.Errorf("pulled %d times", n)
			}
			// The second pull takes ten seconds. It has its answer already when the meeting is put.
			d.push.slow = func() { time.Sleep(10 * time.Second) }
			e.Pushed("google", "acme.com", d.push.tell(ana))
			time.Sleep(time.Second)
			synctest.Wait()
			meeting := call("u1", "91234567890", 0, "joe@globex.com")
			meeting.Start, meeting.End = calendar.At(time.Now().Add(time.Hour)), calendar.At(time.Now().Add(2*time.Hour))
			d.tn.log(ana).put(meeting)
			began := time.Now()
			for range 1000 {
				e.Pushed("google", "acme.com", d.push.tell(ana))
			}
			if took := time.Since(began); took != 0 {
				t.Errorf("the pushes took %s", took)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := d.push.pulled(ana); n != 3 {
				t.Errorf("pulled %d times, want the first, the pushed one and one more", n)
			}
			if len(d.sink.has) != 1 {
				t.Errorf("%d recordings: the change that was pushed during the pull was not found", len(d.sink.has))
			}
		})
	})
}
