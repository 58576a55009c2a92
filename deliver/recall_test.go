package deliver

import (
	"testing"
	"time"

	"example.com/syncd/internal/fakerecorder"
	"example.com/syncd/schedule"
)

// recallRig is Recall.ai, with one simulated vendor.
func recallRig(t *testing.T, w *world) rig {
	f := fakerecorder.NewRecall(w.clock)
	t.Cleanup(f.Close)
	c := NewRecallConfig()
	c.URL = f.URL
	return rig{
		target: openRecorder(t, c, &c.RecorderConfig), servers: []*fakerecorder.Server{f.Server},
		call: func(s schedule.Schedule) string { return s.JoinURL }, settle: time.Minute, remembers: true,
	}
}

// openRecorder opens a vendor's sink with the simulations' key.
func openRecorder(t *testing.T, c Config, common *RecorderConfig) schedule.Target {
	t.Helper()
	env := testEnv(t)
	env.write(t, "key", fakerecorder.Key+"\n")
	common.KeyFile = "key"
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	target, err := c.Open("bots", env)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestRecallHistories(t *testing.T) { run(t, recallRig, 1) }
