package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/internal/browsertest"
)

// key is the meeting of that title.
func (w *world) key(t testing.TB, title string) calendar.Key {
	t.Helper()
	for _, d := range w.decisions {
		if d.Title == title {
			return d.Meeting
		}
	}
	t.Fatalf("there is no meeting %q", title)
	return ""
}

// pagesOf are all pages, by the names of their pictures.
func pagesOf(t testing.TB, w *world) map[string]string {
	return map[string]string{
		"recordings": "/console/", "recordings-later": "/console/?week=2026-12-01", "recordings-none": "/console/?q=nobody",
		"meeting-recorded": meetingPath(w.key(t, "Acme x Globex: kick-off")), "meeting-not": meetingPath(w.key(t, "Board meeting: Q4")),
		"meeting-wrapped": meetingPath(w.key(t, "Soylent demo")), "meeting-held": meetingPath(w.key(t, "Initech integration")), "meeting-private": meetingPath("m21@google.com"),
		"meeting-said": meetingPath(w.key(t, "Globex: weekly")),
		"confirm":      confirmPath(w.key(t, "Acme x Globex: kick-off"), "skip"),
		"meetings":     "/console/meetings", "meetings-blocked": "/console/meetings?outcome=not_recorded&rule=internal",
		"calendars": "/console/calendars", "calendars-trouble": "/console/calendars?trouble=1", "providers": "/console/providers", "policy": "/console/policy",
		"deliveries": "/console/deliveries", "delivered": "/console/deliveries?status=delivered", "quarantine": "/console/quarantine", "connect": "/console/connect",
		"error": "/console/nowhere",
	}
}

// TestLooks: every page opens without a word on the console, is sound by axe, and fits.
func TestLooks(t *testing.T) {
	w := newWorld(t)
	srv := httptest.NewServer(newConsole(t, w, nil))
	t.Cleanup(srv.Close)
	crowd := newWorld(t)
	crowd.many(4000)
	crowded := httptest.NewServer(newConsole(t, crowd, nil))
	t.Cleanup(crowded.Close)
	pages := map[string]string{"recordings-many": crowded.URL + "/console/", "meetings-many": crowded.URL + "/console/meetings"}
	for name, path := range pagesOf(t, w) {
		pages[name] = srv.URL + path
	}
	browsertest.Run(t, "testdata/looks.mjs", map[string]any{"pages": pages})
}

// TestWithoutScripts: links and forms are enough.
func TestWithoutScripts(t *testing.T) {
	w := newWorld(t)
	srv := httptest.NewServer(newConsole(t, w, nil))
	t.Cleanup(srv.Close)
	browsertest.Run(t, "testdata/plain.mjs", map[string]any{
		"base": srv.URL, "pages": pagesOf(t, w), "key": w.key(t, "Cyberdyne: roadmap"), "series": w.key(t, "Globex: weekly"),
	})
	want := []string{"skip", "record", "take back", "retry", "release"}
	for i, did := range w.did {
		if i >= len(want) || !strings.HasPrefix(did, "ana@acme.com: "+want[i]) {
			t.Errorf("somebody did %q", w.did)
			break
		}
	}
}

// TestLive: pages follow, and can be used by the keyboard alone.
func TestLive(t *testing.T) {
	w := newWorld(t)
	key := w.key(t, "Hooli: quarterly numbers")
	mux := http.NewServeMux()
	mux.Handle("/", newConsole(t, w, nil))
	mux.HandleFunc("POST /world/{what}", func(_ http.ResponseWriter, r *http.Request) {
		switch what := r.PathValue("what"); what {
		case "meet":
			w.change(func() {
				w.meet("Vandelay: imports", w.at(0, 1700), time.Hour, []string{"ana@acme.com", "art@vandelay.example"}, "https://acme.zoom.us/j/95555555555", []string{"ana"}, "")
				w.decide()
			})
		default:
			if err := w.Say(r.Context(), "bo@acme.com", key, what); err != nil {
				t.Error(err)
			}
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	browsertest.Run(t, "testdata/live.mjs", map[string]any{"base": srv.URL, "key": key})
}
