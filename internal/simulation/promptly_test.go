package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
	"example.com/syncd/internal/fakegoogle"
)

// promptly: what is pushed is known within a minute, whatever happens to the process that reads it: it is pushed again
// while it is read, another process reads it at the same time, or it dies. Nothing else mends it: nobody polls so soon.
func (h *history) promptly() error {
	for n := range 4 {
		who := pick(h.r, ana, bo, cara)
		r := h.replicas[1]
		start := time.Now().UTC().Add(30 * time.Hour).Truncate(time.Minute)
		invite := func(room string) {
			h.company.google.Invite(who, fakegoogle.Event{ID: fmt.Sprint("prompt", n), Start: start, Length: time.Hour, Zone: "UTC", Fields: map[string]any{
				"summary": "Prompt", "location": "https://zoom.us/j/" + room,
			}}, fakegoogle.Guest{Email: "pat@initech.example"})
			h.company.arrive(h.r, r.Engine, false)
		}
		invite("94440000001")
		time.Sleep(6 * time.Second) // pushes of one calendar rest
		pull, err := h.beginPull(r, who)
		if err != nil {
			return err
		}
		if pull != nil {
			r.yields = func() bool { return true }
			if err := []func(*fiber, func(string)) error{h.pushedAgain, h.twoAtOnce, h.diesInside}[h.r.IntN(3)](pull, invite); err != nil {
				return err
			}
			for _, r := range h.replicas {
				r.yields = func() bool { return false }
			}
		}
		for range 5 {
			if err := h.rounds(); err != nil {
				return err
			}
			time.Sleep(8 * time.Second)
		}
		if err := h.compare("a change that was pushed"); err != nil {
			return err
		}
	}
	return nil
}

// beginPull has a process admit the pull of a Google calendar that is due. It is nil if none is.
func (h *history) beginPull(r *replica, who string) (*fiber, error) {
	h.round(r)
	for len(h.fibers) > 0 {
		if err := h.goOn(); err != nil {
			return nil, err
		}
	}
	jobs, err := h.store.Jobs(h.t.Context(), 100)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if j.Kind == engine.Pull && j.Subject == string(calendar.NewSourceID("google", "acme.com", who)) {
			return h.pullAs(r, j), nil
		}
	}
	return nil, nil
}

func (h *history) pullAs(r *replica, j engine.Job) *fiber {
	f := r.start(j, func(ctx context.Context) error { return r.Work(ctx, j) })
	h.fibers = append(h.fibers, f)
	return f
}

// until lets a fiber go on until it stands where it says, or is at its end.
func (f *fiber) until(stands func() bool) {
	for !f.over && !stands() {
		f.resume()
	}
}

// ended takes a fiber out that is at its end.
func (h *history) ended(f *fiber) error {
	if !f.over {
		return nil
	}
	h.fibers = slices.DeleteFunc(h.fibers, func(o *fiber) bool { return o == f })
	return h.finished(f)
}

// pushedAgain: the calendar changes when it has been read, and before that is noted.
func (h *history) pushedAgain(pull *fiber, invite func(room string)) error {
	pull.until(func() bool { return pull.at == atReport })
	invite("94440000002")
	h.round(pull.on)
	for _, f := range slices.Clone(h.fibers) { // the push is heard first
		if f.job.Kind == "" {
			f.until(func() bool { return false })
		}
		if err := h.ended(f); err != nil {
			return err
		}
	}
	return nil
}

// twoAtOnce: a process has read, and stops; another one reads what has changed since; the first one goes on.
func (h *history) twoAtOnce(pull *fiber, invite func(room string)) error {
	pull.until(func() bool { return pull.at == atApply })
	invite("94440000003")
	other := h.pullAs(h.replicas[0], pull.job)
	other.until(func() bool { return false })
	return errors.Join(h.ended(other), h.ended(pull))
}

// diesInside: the process that reads dies somewhere on the way.
func (h *history) diesInside(pull *fiber, _ func(room string)) error {
	left := h.r.IntN(14)
	pull.until(func() bool { left--; return left < 0 })
	if err := h.ended(pull); err != nil || pull.over {
		return err
	}
	return h.kill(pull.on)
}
