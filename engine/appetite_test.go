package engine

import (
	"testing"
	"time"

	"example.com/syncd/calendar"
)

// TestAppetite: when more is due than was admitted, some pulls that end have others admitted; else none does.
func TestAppetite(t *testing.T) {
	var a appetite
	ends := func(n int) (wakes int) {
		for range n {
			if a.pulled(8) {
				wakes++
			}
		}
		return wakes
	}
	if n := ends(20); n != 0 {
		t.Errorf("%d rounds were asked for before the first", n)
	}
	a.begin()
	a.admitted(false)
	if n := ends(20); n != 0 {
		t.Errorf("%d rounds were asked for, and nothing more is due", n)
	}
	a.begin()
	a.admitted(true)
	if n := ends(3); n != 0 {
		t.Errorf("%d rounds were asked for behind three pulls", n)
	}
	if n := ends(17); n != 1 {
		t.Errorf("%d rounds were asked for behind many pulls, want one", n)
	}
	a.begin()
	ends(6) // while the round goes on
	a.admitted(true)
	if n := ends(1); n != 1 {
		t.Error("pulls that ended during the round do not count")
	}
}

// TestPushesRest: pushes of one calendar have it pulled at once, then once behind a rest; another calendar does not wait.
func TestPushesRest(t *testing.T) {
	var i inbox
	began := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for n, c := range []struct {
		src   string
		after time.Duration
		want  time.Duration
	}{
		{"ana", 0, 0}, {"ana", time.Second, pushRests}, {"ana", 2 * time.Second, pushRests}, {"bo", 2 * time.Second, 2 * time.Second},
		{"ana", 6 * time.Second, 2 * pushRests}, {"ana", time.Minute, time.Minute}, {"ana", -time.Hour, -time.Hour}, {"ana", -time.Hour + time.Second, -time.Hour + pushRests},
	} {
		if got := i.at(calendar.SourceID(c.src), began.Add(c.after)); !got.Equal(began.Add(c.want)) {
			t.Errorf("push %d, of %s after %s, has it pulled after %s, want %s", n, c.src, c.after, got.Sub(began), c.want)
		}
	}
	i.at(calendar.SourceID("cara"), began.Add(time.Hour))
	if len(i.pulls) > 2 {
		t.Errorf("%d calendars are remembered an hour later", len(i.pulls))
	}
}
