package tnef

import (
	"testing"
	"time"
)

// FuzzCalendar: whatever the bytes, an answer comes soon: a calendar that internal/ics reads, or a reason.
func FuzzCalendar(f *testing.F) {
	for _, make := range fixtures {
		f.Add(make())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		began := time.Now()
		got, err := Calendar(b)
		if took := time.Since(began); took > 2*time.Second {
			t.Fatalf("it takes %s", took)
		}
		switch {
		case err != nil && !isTyped(err):
			t.Fatal(err)
		case err != nil:
			return
		case len(got) > maxOutput:
			t.Fatalf("%d bytes", len(got))
		}
		if m := readMessage(b); isOwn(m) {
			for _, e := range valid(t, got) {
				if e.UID == "" && e.Get("DTSTART") == nil {
					t.Fatalf("neither a UID nor a start, in\n%s", got)
				}
			}
		}
	})
}

// isOwn reports whether the calendar is made from m, not attached to it.
func isOwn(m *message) bool {
	_, err := m.calendar()
	return err == nil
}
