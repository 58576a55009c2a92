package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
)

func subscription(id string, until time.Duration) engine.Subscription {
	return engine.Subscription{
		Subscription: connectors.Subscription{
			ID: id, Address: "https://syncd.acme.com/push/google/acme.com", Resource: "r1", Until: now.Add(until),
		},
		Source: ana.ID, SecretHash: strings.Repeat("0a", 32), MadeAt: now,
	}
}

func ids(t *testing.T, all []engine.Subscription, err error) (ids []string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}

func TestSubscriptions(t *testing.T) { both(t, testSubscriptions) }

func testSubscriptions(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	ctx := t.Context()
	if _, _, ok, err := s.Subscription(ctx, "a"); ok || err != nil {
		t.Fatalf("of none: %v, %v", ok, err)
	}
	a := subscription("a", time.Hour)
	if err := s.PutSubscription(ctx, a); err != nil {
		t.Fatal(err)
	}
	got, state, ok, err := s.Subscription(ctx, "a")
	if diff := cmp.Diff(a, got); diff != "" || !ok || err != nil || state.ID != ana.ID {
		t.Errorf("%v, %v, of %s (-put +got):\n%s", ok, err, state.ID, diff)
	}
	a.Until, a.MadeAt = now.Add(3*time.Hour), now.Add(time.Minute)
	b := subscription("b", 4*time.Hour)
	b.MadeAt = now.Add(2 * time.Minute)
	for _, sub := range []engine.Subscription{a, b} {
		if err := s.PutSubscription(ctx, sub); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.SubscriptionsOf(ctx, ana.ID)
	if diff := cmp.Diff([]engine.Subscription{b, a}, all); err != nil || diff != "" {
		t.Errorf("%v (-put +got):\n%s", err, diff)
	}
	c := subscription("c", 5*time.Hour)
	if err := s.PutSubscription(ctx, c, "a"); err != nil {
		t.Fatal(err)
	}
	all, err = s.Subscriptions(ctx)
	if diff := cmp.Diff([]string{"b", "c"}, ids(t, all, err)); diff != "" {
		t.Errorf("c takes a's place:\n%s", diff)
	}
	d := subscription("d", 9*time.Hour)
	d.MadeAt = now.Add(4 * time.Hour)
	if err := s.PutSubscription(ctx, d); err != nil {
		t.Fatal(err)
	}
	if err := s.DropSubscription(ctx, "c"); err != nil {
		t.Fatal(err)
	}
	all, err = s.Subscriptions(ctx)
	if diff := cmp.Diff([]string{"d"}, ids(t, all, err)); diff != "" {
		t.Errorf("b is over, and c was dropped:\n%s", diff)
	}
	plain := subscription("e", time.Hour)
	plain.Secret = "s3cret"
	if err := s.PutSubscription(ctx, plain); err == nil {
		t.Error("a secret was taken as it is")
	}
	plain.Secret, plain.SecretHash = "", "s3cret"
	if err := s.PutSubscription(ctx, plain); err == nil {
		t.Error("a secret was taken as its own hash")
	}
	other := subscription("f", 9*time.Hour)
	other.Source = calendar.NewSourceID("google", "acme.com", "gone@acme.com")
	if err := s.PutSubscription(ctx, other); err != nil {
		t.Errorf("a calendar that was forgotten meanwhile: %v", err)
	}
	if _, _, ok, err := s.Subscription(ctx, "f"); ok || err != nil {
		t.Errorf("it is found: %v, %v", ok, err)
	}
}

// TestMakeDue: a push counts whatever else goes on, and never shortens a wait.
func TestMakeDue(t *testing.T) { both(t, testMakeDue) }

func testMakeDue(t *testing.T, open func(*testing.T) *Store) {
	later, soon := now.Add(time.Hour), now.Add(5*time.Second)
	well := engine.PullReport{PulledAt: now, NextAt: later, PushedAt: soon}
	failed := engine.PullReport{NextAt: later, PushedAt: soon, Failures: 1, Error: "429"}
	for _, c := range []struct {
		about         string
		before, after engine.PullReport
		push, during  bool
		want          time.Time
	}{
		{"no push", well, well, false, false, later},
		{"a push before the pull, which saw it", well, well, true, false, later},
		{"a push during the pull", well, well, false, true, soon},
		{"one before, one during", well, well, true, true, soon},
		{"during one that failed", well, failed, false, true, later},
		{"during one that went well again", failed, well, false, true, soon},
	} {
		s := open(t)
		next := func() engine.PullReport {
			t.Helper()
			all, err := s.Sources(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return all[0].PullReport
		}
		if err := s.Report(t.Context(), ana.ID, 0, c.before); err != nil {
			t.Fatal(err)
		}
		if c.push {
			if err := s.MakeDue(t.Context(), ana.ID, now); err != nil {
				t.Fatal(err)
			}
			if got := next(); !got.NextAt.Equal(now) {
				t.Errorf("%s: due at %s", c.about, got.NextAt)
			}
		}
		r := c.after
		r.Pushes = next().Pushes
		if c.during {
			if err := s.MakeDue(t.Context(), ana.ID, now); err != nil {
				t.Fatal(err)
			}
			if got := next(); c.before.Failures > 0 && !got.NextAt.Equal(later) {
				t.Errorf("%s: the wait was cut short to %s", c.about, got.NextAt)
			}
		}
		if err := s.Report(t.Context(), ana.ID, 0, r); err != nil {
			t.Fatal(err)
		}
		if got := next(); !got.NextAt.Equal(c.want) {
			t.Errorf("%s: due at %s, want %s", c.about, got.NextAt, c.want)
		}
	}
	s := open(t)
	if err := s.Report(t.Context(), ana.ID, 0, engine.PullReport{NextAt: now}); err != nil {
		t.Fatal(err)
	}
	if err := s.MakeDue(t.Context(), ana.ID, later); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Sources(t.Context()); err != nil || !all[0].NextAt.Equal(now) {
		t.Errorf("due at %v, %v: a push made it later", all[0].NextAt, err)
	}
}

// TestMigrationsInAnyOrder: a file that lacks a table from the middle gets it.
func TestMigrationsInAnyOrder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "syncd.db")
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	for _, undo := range []string{"ALTER TABLE sources DROP COLUMN read_as", "DELETE FROM goose_db_version WHERE version_id = 2"} {
		if _, err := s.write.ExecContext(t.Context(), undo); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	if err := s.PutSources(t.Context(), []calendar.Source{ana}, now); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
