package deliver

import (
	"testing"
	"time"

	"example.com/syncd/internal/fakerecorder"
	"example.com/syncd/schedule"
)

// meetingBaasRig is Meeting BaaS, with one simulated vendor.
func meetingBaasRig(t *testing.T, w *world) rig {
	f := fakerecorder.NewMeetingBaas(w.clock)
	t.Cleanup(f.Close)
	c := NewMeetingBaasConfig()
	c.URL = f.URL
	return rig{
		target: openRecorder(t, c, &c.RecorderConfig), servers: []*fakerecorder.Server{f.Server},
		call: func(s schedule.Schedule) string { return s.JoinURL }, settle: time.Minute,
	}
}

func TestMeetingBaasHistories(t *testing.T) { run(t, meetingBaasRig, 1) }
