package deliver

import (
	"testing"
	"time"

	"example.com/syncd/internal/fakerecorder"
	"example.com/syncd/schedule"
)

// vexaRig is Vexa, with one simulated vendor.
func vexaRig(t *testing.T, w *world) rig {
	f := fakerecorder.NewVexa(w.clock)
	t.Cleanup(f.Close)
	c := NewVexaConfig()
	c.URL = f.URL
	return rig{
		target: openRecorder(t, c, &c.RecorderConfig), servers: []*fakerecorder.Server{f.Server},
		call: func(s schedule.Schedule) string { return "zoom/" + s.MeetingID }, settle: time.Minute,
	}
}

func TestVexaHistories(t *testing.T) { run(t, vexaRig, 1) }
