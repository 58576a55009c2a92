package fakegraph

import (
	"strings"
	"sync"
	"time"
)

// Limits throttle by mailbox and application ("Microsoft Graph service-specific throttling limits":
// Outlook). Zero: no limit.
type Limits struct {
	Concurrent int // requests at a time; Outlook has 4
	PerWindow  int // requests in ten minutes; Outlook has 10,000
	// RetryAfter is what a refusal says. 0: it does not say anything, as not every one does.
	RetryAfter time.Duration
}

const limitWindow = 10 * time.Minute

// gauge counts what the limits are about.
type gauge struct {
	now  map[string]int         // under way
	past map[string][]time.Time // within the window
}

func newGauge() gauge { return gauge{map[string]int{}, map[string][]time.Time{}} }

// mailboxOf names the mailbox that a path is about, if any.
func (t *Tenant) mailboxOf(path []string) string {
	if len(path) > 3 && isVersion(path[0]) && strings.EqualFold(path[1], "users") {
		if u := t.user(path[2]); u != nil {
			return u.ID
		}
	}
	return ""
}

// enter counts a request in, or refuses it. Leave must be called when its answer has been read.
func (t *Tenant) enter(c *call) (refused answer, leave func()) {
	leave = func() {}
	t.mu.Lock()
	defer t.mu.Unlock()
	box := t.mailboxOf(c.path)
	if box == "" {
		return answer{}, leave
	}
	if a, ok := t.count(box); !ok {
		return a, leave
	}
	if t.Limits.Concurrent == 0 {
		return answer{}, leave
	}
	if t.gauge.now[box] >= t.Limits.Concurrent {
		return t.tooMany("MailboxConcurrency"), leave
	}
	t.gauge.now[box]++
	var once sync.Once
	return answer{}, func() { once.Do(func() { t.set(func() { t.gauge.now[box]-- }) }) }
}

// count notes a request about a mailbox, if it may have one more.
func (t *Tenant) count(box string) (answer, bool) {
	if t.Limits.PerWindow == 0 {
		return answer{}, true
	}
	now := t.Now()
	past := t.gauge.past[box]
	for len(past) > 0 && now.Sub(past[0]) >= limitWindow {
		past = past[1:]
	}
	ok := len(past) < t.Limits.PerWindow
	if ok {
		past = append(past, now)
	}
	t.gauge.past[box] = past
	if !ok {
		return t.tooMany("MailboxRequest"), false
	}
	return answer{}, true
}

func (t *Tenant) tooMany(limit string) answer {
	return refuse(429, "ApplicationThrottled", "Application is over its "+limit+" limit.").after(t.Limits.RetryAfter)
}
