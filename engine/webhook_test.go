package engine_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"example.com/syncd/calendar"
	"example.com/syncd/deliver"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store"
)

// TestFlakyReceiver: a receiver of webhooks that fails half of the time, before it has understood or behind it, gets every
// revision, in order for each meeting, and nothing else.
func TestFlakyReceiver(t *testing.T) {
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	got := map[string][]int{} // the revisions of each schedule, each once
	last := map[calendar.Key]int64{}
	requests, failures := 0, 0
	var sequence int64
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		requests++
		lost := r.IntN(4) // 0: before, 1: behind
		if lost == 0 {
			failures++
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, err := io.ReadAll(req.Body)
		var event struct{ Data schedule.Schedule }
		if err := errors.Join(err, json.Unmarshal(body, &event)); err != nil {
			t.Error(err)
		}
		if err := verifier.VerifyIgnoringTimestamp(body, req.Header); err != nil {
			t.Error(err)
		}
		s := event.Data
		if seen := got[s.ID]; len(seen) == 0 || seen[len(seen)-1] != s.Revision {
			got[s.ID] = append(seen, s.Revision)
			sequence++
			for _, k := range s.Meetings {
				last[k] = sequence
			}
		}
		if lost == 1 {
			failures++
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer receiver.Close()
	c := deliver.NewWebhookConfig()
	c.URL, c.SecretsFile, c.AllowHTTP, c.AllowNetworks = receiver.URL, "secrets", true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	target, err := c.Open("hook", deliver.Env{
		Path: func(name string) string { return name }, Now: time.Now, Out: io.Discard,
		ReadFile: func(string) ([]byte, error) { return []byte(secret), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(t, "ana@acme.com")
	d.targets = []schedule.Target{target}
	ana := d.tn.log("ana@acme.com")
	d.try(func(e *engine.Engine, st *store.Store) {
		for n := range 12 {
			for i := range 20 {
				if n == 0 || r.IntN(3) == 0 {
					ana.put(call(fmt.Sprint("u", i), fmt.Sprint(91000000000+i), 48+float64(i)+r.Float64(), "joe@globex.com"))
				}
			}
			d.after(e, 2*time.Minute)
		}
		for range 60 { // until everything has been tried often enough
			d.after(e, 10*time.Minute)
		}
		want := map[string]int{}
		after := int64(0)
		for {
			revisions, err := st.Revisions(t.Context(), after, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, rev := range revisions {
				want[rev.Schedule.ID] = rev.Schedule.Revision
				after = rev.Seq
			}
			if len(revisions) < 100 {
				break
			}
		}
		total := 0
		for id, newest := range want {
			total += newest
			for i, revision := range got[id] {
				if revision != i+1 {
					t.Errorf("%s: the revisions %v", id, got[id])
					break
				}
			}
			if len(got[id]) != newest {
				t.Errorf("%s: %d of %d revisions have arrived", id, len(got[id]), newest)
			}
		}
		if len(want) != 20 || total < 60 || failures*10 < requests*4 || len(last) != 20 {
			t.Errorf("%d schedules, %d revisions, %d of %d requests failed: too few to show anything", len(want), total, failures, requests)
		}
	})
}
