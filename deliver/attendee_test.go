package deliver

import (
	"testing"
	"time"

	"example.com/syncd/internal/fakerecorder"
	"example.com/syncd/schedule"
)

// attendeeRig is Attendee, with one simulated vendor.
func attendeeRig(t *testing.T, w *world) rig {
	f := fakerecorder.NewAttendee(w.clock)
	t.Cleanup(f.Close)
	c := NewAttendeeConfig()
	c.URL = f.URL
	return rig{
		target: openRecorder(t, c, &c.RecorderConfig), servers: []*fakerecorder.Server{f.Server},
		call: func(s schedule.Schedule) string { return s.JoinURL }, settle: time.Minute,
	}
}

func TestAttendeeHistories(t *testing.T) { run(t, attendeeRig, 1) }
