package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/internal/postgrestest"
	"example.com/syncd/schedule"
	"example.com/syncd/store"
)

// TestPostgres runs the engine's tests on the other database.
func TestPostgres(t *testing.T) {
	for _, c := range []struct {
		name string
		test func(*testing.T)
	}{
		{"LifeOfACall", TestLifeOfACall}, {"RefusedDeletesNothing", TestRefusedDeletesNothing}, {"ConnectionTakenOut", TestConnectionTakenOut},
		{"ReadingChangeListsAnew", TestReadingChangeListsAnew}, {"NewRules", TestNewRules}, {"WrappedLinks", TestWrappedLinks},
		{"Parking", TestParking}, {"Look", TestLook}, {"DirectoryAsRoster", TestDirectoryAsRoster},
		{"history", func(t *testing.T) { history(t, 1, false) }},
	} {
		t.Run(c.name, c.test)
	}
}

// shared is a tenant that several processes read at a time.
type shared struct {
	*tenant
	mu    *sync.Mutex
	pulls map[string]int // by process
	whose string
}

func (s shared) Sources(ctx context.Context, users []string) ([]calendar.Source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenant.Sources(ctx, users)
}

func (s shared) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, w calendar.Window) (connectors.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pulls[s.whose]++
	return s.tenant.Pull(ctx, src, cur, w)
}

// counting is a recorder that two processes deliver to.
type counting struct {
	mu   sync.Mutex
	keys map[string]int
	all  chan struct{} // closed when there are as many as wanted
	want int
}

func (c *counting) Deliver(_ context.Context, d schedule.Delivery) (schedule.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys[d.Key]++
	if len(c.keys) == c.want && c.keys[d.Key] == 1 {
		close(c.all)
	}
	return schedule.Receipt{}, nil
}

// TestReplicas: two processes share the work on one database, River's workers and all: everything is done, and nothing twice.
func TestReplicas(t *testing.T) {
	url := postgrestest.Shared(t).Database(t)
	const users = 60
	var names []string
	for i := range users {
		names = append(names, fmt.Sprintf("u%d@acme.com", i))
	}
	tn, mu, pulls := newTenant(names...), &sync.Mutex{}, map[string]int{}
	p := policy()
	p.Directory.Members = nil
	for i, n := range names {
		p.Directory.Members = append(p.Directory.Members, eligibility.Member{Email: n, Seat: true, Record: eligibility.RecordOn})
		e := call(fmt.Sprint("m", i), fmt.Sprint(91000000000+i), 40, "joe@globex.com")
		e.Organizer.Email, e.Attendees[1].Email = n, n
		tn.log(n).put(e)
	}
	sink := &counting{keys: map[string]int{}, all: make(chan struct{}), want: users}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var g errgroup.Group
	for _, name := range []string{"a", "b"} {
		st, err := store.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		e, err := engine.New(engine.Config{
			Store: st, Connections: []engine.Connection{{Driver: "google", Account: "acme.com", Connector: shared{tn, mu, pulls, name}}},
			Rules:   engine.Rules{Policy: p, Directory: eligibility.NewDirectory(p.Directory.Members)},
			Targets: []schedule.Target{{Name: "recorder", Sink: sink}}, Past: 24 * time.Hour, Future: 10 * 24 * time.Hour, Poll: time.Hour,
			Parallel: 4, Name: name, Shared: true, Now: func() time.Time { return began.Add(time.Since(startedAt)) }, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Start(ctx); err != nil {
			t.Fatal(err)
		}
		g.Go(func() error { return e.Run(ctx, func(context.Context) error { return nil }) })
	}
	select {
	case <-sink.all:
	case <-time.After(time.Minute):
		t.Error("not everything was delivered within a minute")
	}
	stop()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	for key, n := range sink.keys {
		if n != 1 {
			t.Errorf("%s was delivered %d times", key, n)
		}
	}
	// Of each a listing, and what follows it.
	if pulls["a"]+pulls["b"] != 2*users || pulls["a"] == 0 || pulls["b"] == 0 {
		t.Errorf("for %d calendars there were %v pulls", users, pulls)
	}
}

var startedAt = time.Now()
