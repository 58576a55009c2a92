package fakerecorder

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The rules of Recall.ai, from docs.recall.ai (Create Bot, Update Scheduled Bot, Delete Scheduled Bot, List Bots, Scheduling
// bots; of 2026).
const (
	recallNotice    = 10 * time.Minute // a bot for later is scheduled, one for sooner comes from the pool
	recallMemory    = time.Hour        // of idempotency keys
	recallBoot      = 10 * time.Second // until a bot from the pool is in the call
	recallListLimit = 60               // lists a minute
	recallListLag   = 5 * time.Second  // until a bot is listed; nowhere promised to be shorter
)

// Recall is a simulated Recall.ai.
type Recall struct {
	*Server
	answers map[string]recallAnswer
	lists   []time.Time
}

type recallAnswer struct {
	at     time.Time
	status int
	body   any
}

// NewRecall starts one.
func NewRecall(now func() time.Time) *Recall {
	r := &Recall{answers: map[string]recallAnswer{}}
	authorized := func(req *http.Request) bool {
		return strings.TrimPrefix(req.Header.Get("Authorization"), "Token ") == Key
	}
	r.Server = newServer(now, authorized, map[string]func(*Server) handler{
		"POST /api/v1/bot/{$}":              func(*Server) handler { return r.once },
		"GET /api/v1/bot/{$}":               func(*Server) handler { return r.list },
		"GET /api/v1/bot/{id}/{$}":          func(*Server) handler { return r.retrieve },
		"PATCH /api/v1/bot/{id}/{$}":        func(*Server) handler { return r.update },
		"DELETE /api/v1/bot/{id}/{$}":       func(*Server) handler { return r.delete },
		"POST /api/v1/bot/{id}/leave_call/": func(*Server) handler { return r.leave },
	})
	return r
}

var recallFields = map[string]field{
	"meeting_url": joinURL("zoom.us", "teams.microsoft.com", "teams.live.com", "meet.google.com", "webex.com"),
	"bot_name":    text(100), "join_at": moment, "metadata": texts(500, 1<<20), "recording_config": anything, "automatic_leave": anything, "zoom": anything,
}

// once answers a key that it has answered within the hour as it did then, whatever is asked.
func (r *Recall) once(req *request) (int, any) {
	key := req.Header.Get("Idempotency-Key")
	if a, ok := r.answers[key]; ok && key != "" && req.now.Sub(a.at) < recallMemory {
		return a.status, a.body
	}
	status, body := r.create(req)
	if key != "" {
		r.answers[key] = recallAnswer{req.now, status, body}
	}
	return status, body
}

func (r *Recall) create(req *request) (int, any) {
	if words := check(req.body, recallFields, "meeting_url"); words != "" {
		return 400, map[string]any{"detail": words}
	}
	b := &Bot{fields: req.body}
	if join := at(req.body["join_at"]); join.Sub(req.now) > recallNotice {
		b.JoinAt, b.dispatched = join, join.Add(-recallNotice)
	} else {
		if !r.claim() {
			req.header.Set("Retry-After", "30")
			return 507, map[string]any{"code": "adhoc_pool_depleted", "detail": "All ad-hoc bots are currently in use. Please try again later."}
		}
		b.JoinAt, b.dispatched = req.now.Add(recallBoot), req.now
		if join.After(b.JoinAt) {
			b.JoinAt = join
		}
	}
	r.add(b, "rb-")
	b.read()
	return 201, recallBot(b, req.now)
}

// read takes over what a request has set.
func (b *Bot) read() {
	b.Call, _ = b.fields["meeting_url"].(string)
	b.Schedule = meta(b.fields["metadata"])
}

// recallBot is a bot as the API shows it. Its meeting_url is not the text that was sent.
func recallBot(b *Bot, now time.Time) map[string]any {
	var changes []any
	say := func(code string) { changes = append(changes, map[string]any{"code": code, "created_at": now}) }
	say("ready")
	if !b.JoinAt.After(now) {
		say("joining_call")
		say("in_call_recording")
	}
	if b.over(now) {
		say("call_ended")
		say("done")
	}
	return map[string]any{
		"id": b.ID, "meeting_url": map[string]any{"platform": "zoom", "meeting_id": "1"}, "join_at": b.fields["join_at"],
		"metadata": b.fields["metadata"], "status_changes": changes, "bot_name": b.fields["bot_name"],
	}
}

// list filters by metadata, two a page.
func (r *Recall) list(req *request) (int, any) {
	r.lists = append(r.lists, req.now)
	recent := 0
	for _, t := range r.lists {
		if req.now.Sub(t) < time.Minute {
			recent++
		}
	}
	if recent > recallListLimit {
		req.header.Set("Retry-After", "60")
		return 429, map[string]any{"detail": "Request was throttled."}
	}
	q, page, all := req.URL.Query(), 1, []any{}
	fmt.Sscan(q.Get("page"), &page)
	for _, b := range r.bots {
		m, _ := b.fields["metadata"].(map[string]any)
		fits := !b.deleted && req.now.Sub(b.Made) >= recallListLag
		for name, values := range q {
			if key, ok := strings.CutPrefix(name, "metadata__"); ok {
				fits = fits && m[key] == values[0]
			} else if name != "page" {
				return 400, map[string]any{"detail": "unknown filter " + name}
			}
		}
		if fits {
			all = append(all, recallBot(b, req.now))
		}
	}
	from, to := min(2*(page-1), len(all)), min(2*page, len(all))
	var next any
	if to < len(all) {
		q.Set("page", fmt.Sprint(page+1))
		next = r.URL + "/api/v1/bot/?" + q.Encode()
	}
	return 200, map[string]any{"results": all[from:to], "next": next, "previous": nil}
}

func (r *Recall) retrieve(req *request) (int, any) {
	b := r.bot(req.PathValue("id"))
	if b == nil {
		return 404, map[string]any{"detail": "Not found."}
	}
	return 200, recallBot(b, req.now)
}

func (r *Recall) update(req *request) (int, any) {
	b := r.bot(req.PathValue("id"))
	if b == nil {
		return 404, map[string]any{"detail": "Not found."}
	}
	if words := check(req.body, recallFields); words != "" {
		return 400, map[string]any{"detail": words}
	}
	if b.underWay(req.now) {
		return 400, map[string]any{"code": "cannot_update_dispatched_bot", "detail": "The bot has been dispatched already."}
	}
	if join := at(req.body["join_at"]); !join.IsZero() {
		if join.Sub(req.now) <= recallNotice {
			return 400, map[string]any{"code": "update_bot_failed", "detail": "Not enough time to launch the bot."}
		}
		b.JoinAt, b.dispatched = join, join.Add(-recallNotice)
	}
	for name, v := range req.body {
		b.fields[name] = v
	}
	b.read()
	return 200, recallBot(b, req.now)
}

func (r *Recall) delete(req *request) (int, any) {
	b := r.bot(req.PathValue("id"))
	switch {
	case b == nil:
		return 404, map[string]any{"detail": "Not found."}
	case b.underWay(req.now):
		return 405, map[string]any{"code": "cannot_delete_bot", "detail": "Only scheduled bots that have not been dispatched can be deleted."}
	}
	b.deleted = true
	return 204, nil
}

func (r *Recall) leave(req *request) (int, any) {
	b := r.bot(req.PathValue("id"))
	switch {
	case b == nil:
		return 404, map[string]any{"detail": "Not found."}
	case !b.underWay(req.now), b.over(req.now):
		return 400, map[string]any{"code": "cannot_command_unstarted_bot", "detail": "The bot is in no call."}
	}
	b.left = req.now
	return 200, recallBot(b, req.now)
}
