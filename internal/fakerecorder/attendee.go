package fakerecorder

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The rules of Attendee, from its source (bots_api_views.py, bots_api_utils.py, models.py; of 2026).
const (
	attendeeStaging = 5 * time.Minute  // before its time a bot is staged: it can be neither changed nor deleted, and is in no call that it could leave
	attendeeBoot    = 10 * time.Second // until a bot for now is in the call
	attendeePost    = time.Minute      // of processing behind the call, while its key is still taken
)

// Attendee is a simulated Attendee. Capacity is how many bots may be made before there are too many at once.
type Attendee struct{ *Server }

// NewAttendee starts one.
func NewAttendee(now func() time.Time) *Attendee {
	a := &Attendee{}
	authorized := func(req *http.Request) bool { return req.Header.Get("Authorization") == "Token "+Key }
	a.Server = newServer(now, authorized, map[string]func(*Server) handler{
		"POST /api/v1/bots":            func(*Server) handler { return a.create },
		"GET /api/v1/bots":             func(*Server) handler { return a.list },
		"GET /api/v1/bots/{id}":        func(*Server) handler { return a.retrieve },
		"PATCH /api/v1/bots/{id}":      func(*Server) handler { return a.update },
		"DELETE /api/v1/bots/{id}":     func(*Server) handler { return a.delete },
		"POST /api/v1/bots/{id}/leave": func(*Server) handler { return a.leave },
	})
	return a
}

var attendeeFields = map[string]field{
	"meeting_url": joinURL("zoom.us", "teams.microsoft.com", "teams.live.com", "meet.google.com"),
	"bot_name": func(v any) string {
		if words := text(100)(v); words != "" {
			return words
		}
		if slices.ContainsFunc([]rune(v.(string)), func(r rune) bool { return r > 0xFFFF }) {
			return "Bot name cannot contain emojis or rare script characters."
		}
		return ""
	},
	"join_at": moment, "deduplication_key": text(1024), "metadata": texts(1000, 1000), "zoom_settings": anything, "recording_settings": anything, "automatic_leave_settings": anything,
}

var attendeePatch = map[string]field{"meeting_url": attendeeFields["meeting_url"], "join_at": moment, "metadata": attendeeFields["metadata"]}

func attendeeError(words string) (int, any) { return 400, map[string]any{"error": words} }

// wrong is what is wrong with the time of a bot.
func wrongTime(body map[string]any, now time.Time) (any, bool) {
	join := at(body["join_at"])
	if join.IsZero() || join.After(now) && join.Before(now.AddDate(3, 0, 0)) {
		return nil, false
	}
	return map[string]any{"join_at": []string{"join_at cannot be in the past or more than 3 years in the future"}}, true
}

func (a *Attendee) create(req *request) (int, any) {
	if words := check(req.body, attendeeFields, "meeting_url", "bot_name"); words != "" {
		return attendeeError(words)
	}
	if words, bad := wrongTime(req.body, req.now); bad {
		return 400, words
	}
	if !a.claim() {
		return attendeeError("You have exceeded the maximum number of concurrent bots (4) for your account. Please reach out to customer support to increase the limit.")
	}
	key, _ := req.body["deduplication_key"].(string)
	if key != "" && slices.ContainsFunc(a.bots, func(b *Bot) bool { return b.key == key && !b.deleted && !attendeeTerminal(b, req.now) }) {
		return attendeeError("Deduplication key already in use. A bot in a non-terminal state with this deduplication key already exists. Please use a different deduplication key or wait for that bot to terminate.")
	}
	b := &Bot{fields: req.body, key: key, JoinAt: req.now.Add(attendeeBoot), dispatched: req.now}
	if join := at(req.body["join_at"]); !join.IsZero() {
		b.JoinAt, b.dispatched = join, join.Add(-attendeeStaging)
	}
	a.add(b, "bot_")
	b.read()
	return 201, attendeeBot(b, req.now)
}

func attendeeTerminal(b *Bot, now time.Time) bool { return b.over(now) && !b.free.After(now) }

func attendeeState(b *Bot, now time.Time) string {
	_, scheduled := b.fields["join_at"]
	switch {
	case attendeeTerminal(b, now):
		return "ended"
	case b.over(now):
		return "post_processing"
	case !b.JoinAt.After(now):
		return "joined_recording"
	case !scheduled:
		return "joining"
	case b.underWay(now):
		return "staged"
	}
	return "scheduled"
}

func attendeeBot(b *Bot, now time.Time) map[string]any {
	return map[string]any{
		"id": b.ID, "meeting_url": b.Call, "state": attendeeState(b, now), "join_at": b.fields["join_at"], "metadata": b.fields["metadata"],
		"deduplication_key": b.key,
	}
}

// list filters by key, two a page.
func (a *Attendee) list(req *request) (int, any) {
	q, all := req.URL.Query(), []any{}
	for name := range q {
		if name != "deduplication_key" && name != "cursor" {
			return attendeeError("unknown filter " + name)
		}
	}
	for _, b := range a.bots {
		if !b.deleted && (q.Get("deduplication_key") == "" || b.key == q.Get("deduplication_key")) {
			all = append(all, attendeeBot(b, req.now))
		}
	}
	from, _ := strconv.Atoi(q.Get("cursor"))
	from, to := min(from, len(all)), min(from+2, len(all))
	var next any
	if to < len(all) {
		q.Set("cursor", strconv.Itoa(to))
		next = a.URL + "/api/v1/bots?" + q.Encode()
	}
	return 200, map[string]any{"results": all[from:to], "next": next, "previous": nil}
}

func (a *Attendee) retrieve(req *request) (int, any) {
	b := a.bot(req.PathValue("id"))
	if b == nil {
		return 404, map[string]any{"error": "Bot not found"}
	}
	return 200, attendeeBot(b, req.now)
}

func (a *Attendee) update(req *request) (int, any) {
	b := a.bot(req.PathValue("id"))
	if b == nil {
		return 404, map[string]any{"error": "Bot not found"}
	}
	if words := check(req.body, attendeePatch); words != "" {
		return attendeeError(words)
	}
	if words, bad := wrongTime(req.body, req.now); bad {
		return 400, words
	}
	if state := attendeeState(b, req.now); state != "scheduled" {
		for _, name := range []string{"join_at", "meeting_url"} {
			if v, set := req.body[name]; set && v != b.fields[name] {
				return attendeeError("Bot is in state " + state + " but the join_at or meeting_url can only be updated when in the scheduled state")
			}
		}
	}
	for name, v := range req.body {
		b.fields[name] = v
	}
	if join := at(req.body["join_at"]); !join.IsZero() {
		b.JoinAt, b.dispatched = join, join.Add(-attendeeStaging)
	}
	b.read()
	return 200, attendeeBot(b, req.now)
}

func (a *Attendee) delete(req *request) (int, any) {
	b := a.bot(req.PathValue("id"))
	if b == nil {
		return 404, map[string]any{"error": "Bot not found"}
	}
	if state := attendeeState(b, req.now); state != "scheduled" {
		return attendeeError("Bot is in state " + state + " but can only be deleted when in scheduled state")
	}
	b.deleted = true
	return 200, nil
}

func (a *Attendee) leave(req *request) (int, any) {
	b := a.bot(req.PathValue("id"))
	if b == nil {
		return 404, map[string]any{"error": "Bot not found"}
	}
	if state := attendeeState(b, req.now); state != "joining" && state != "joined_recording" {
		return attendeeError("Event leave_requested not allowed when bot is in state " + state)
	}
	b.left, b.free = req.now, req.now.Add(attendeePost)
	return 200, attendeeBot(b, req.now)
}
