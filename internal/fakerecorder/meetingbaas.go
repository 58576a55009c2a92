package fakerecorder

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The rules of Meeting BaaS, version 2, from its documentation and the schemas of its SDK (of 2026).
const (
	baasLock   = 5 * time.Minute  // between two bots for one address, unless several are allowed
	baasFreeze = 4 * time.Minute  // before its time a bot can't be changed any more
	baasLeeway = time.Minute      // that a time may be past
	baasQueue  = 10 * time.Second // until a bot for now can be told to leave
	baasBoot   = 20 * time.Second // until it is in the call
)

// MeetingBaas is a simulated Meeting BaaS. Capacity is what is left of the day's bots.
type MeetingBaas struct {
	*Server
	locks map[string]time.Time // when an address was last joined, by bots that want no others
}

// NewMeetingBaas starts one.
func NewMeetingBaas(now func() time.Time) *MeetingBaas {
	m := &MeetingBaas{locks: map[string]time.Time{}}
	authorized := func(req *http.Request) bool { return req.Header.Get("x-meeting-baas-api-key") == Key }
	m.Server = newServer(now, authorized, map[string]func(*Server) handler{
		"POST /v2/bots":                  func(*Server) handler { return m.create },
		"POST /v2/bots/scheduled":        func(*Server) handler { return m.schedule },
		"GET /v2/bots":                   func(*Server) handler { return m.list },
		"GET /v2/bots/scheduled":         func(*Server) handler { return m.listScheduled },
		"GET /v2/bots/{id}":              func(*Server) handler { return m.retrieve },
		"GET /v2/bots/scheduled/{id}":    func(*Server) handler { return m.retrieveScheduled },
		"PATCH /v2/bots/scheduled/{id}":  func(*Server) handler { return m.update },
		"DELETE /v2/bots/scheduled/{id}": func(*Server) handler { return m.delete },
		"POST /v2/bots/{id}/leave":       func(*Server) handler { return m.leave },
	})
	m.tick = m.launch
	return m
}

var baasFields = map[string]field{
	"meeting_url": joinURL("zoom.us", "teams.microsoft.com", "teams.live.com", "meet.google.com"),
	"bot_name":    text(255), "allow_multiple_bots": boolean, "extra": anything, "recording_mode": func(v any) string {
		if v != "speaker_view" && v != "audio_only" && v != "gallery_view" {
			return "Invalid option"
		}
		return ""
	},
	"entry_message": text(500), "zoom_config": anything, "teams_config": anything, "timeout_config": anything,
}

var baasScheduled = func() map[string]field {
	all := map[string]field{"join_at": moment}
	for name, f := range baasFields {
		all[name] = f
	}
	return all
}()

func baasError(status int, code, words string) (int, any) {
	return status, map[string]any{"success": false, "error": words, "code": code, "statusCode": status}
}

func baasData(status int, data any) (int, any) {
	return status, map[string]any{"success": true, "data": data}
}

func baasWrong(words string) (int, any) { return baasError(400, "FST_ERR_VALIDATION", words) }

func single(b *Bot) bool { return b.fields["allow_multiple_bots"] == false }

// launch lets those in whose time it is, each if no other one has been there just before.
func (m *MeetingBaas) launch(now time.Time) {
	bots := slices.Clone(m.bots)
	slices.SortStableFunc(bots, func(a, b *Bot) int { return a.JoinAt.Compare(b.JoinAt) })
	for _, b := range bots {
		if b.launched || b.over(now) || b.dispatched.After(now) {
			continue
		}
		b.launched = true
		if last, locked := m.locks[b.Call]; single(b) && locked && b.dispatched.Sub(last) < baasLock {
			b.left = b.JoinAt // it fails, and nobody is told
			continue
		}
		m.locks[b.Call] = b.dispatched
	}
}

func (m *MeetingBaas) create(req *request) (int, any) {
	if words := check(req.body, baasFields, "meeting_url", "bot_name"); words != "" {
		return baasWrong(words)
	}
	b := &Bot{fields: req.body, JoinAt: req.now.Add(baasBoot), dispatched: req.now}
	b.readExtra()
	if last, locked := m.locks[b.Call]; single(b) && locked && req.now.Sub(last) < baasLock {
		return baasError(409, "FST_ERR_BOT_ALREADY_EXISTS", "A bot already exists for this meeting URL")
	}
	if status, body, capped := m.capped(); capped {
		return status, body
	}
	m.add(b, "mb-")
	m.launch(req.now)
	return baasData(201, map[string]any{"bot_id": b.ID})
}

func (m *MeetingBaas) capped() (int, any, bool) {
	if m.claim() {
		return 0, nil, false
	}
	status, body := baasError(429, "FST_ERR_DAILY_BOT_CAP_REACHED", "Daily bot cap has been reached: 75 bots created within the last 24 hours")
	return status, body, true
}

func (b *Bot) readExtra() {
	b.Call, _ = b.fields["meeting_url"].(string)
	b.Schedule = meta(b.fields["extra"])
}

func (m *MeetingBaas) schedule(req *request) (int, any) {
	if words := check(req.body, baasScheduled, "meeting_url", "bot_name", "join_at"); words != "" {
		return baasWrong(words)
	}
	join := at(req.body["join_at"])
	if join.Before(req.now.Add(-baasLeeway)) || join.After(req.now.AddDate(0, 0, 90)) {
		return baasWrong("join_at must not be in the past, nor more than 90 days ahead")
	}
	if status, body, capped := m.capped(); capped {
		return status, body
	}
	b := &Bot{fields: req.body, JoinAt: join, dispatched: join, key: "scheduled"}
	if join.Before(req.now) {
		b.JoinAt, b.dispatched = req.now, req.now
	}
	b.readExtra()
	m.add(b, "mb-")
	return baasData(201, map[string]any{"bot_id": b.ID})
}

func baasStatus(b *Bot, now time.Time) string {
	switch {
	case b.over(now):
		return "completed"
	case now.Sub(b.dispatched) < baasQueue && b.key != "scheduled":
		return "queued"
	case b.JoinAt.After(now):
		return "joining_call"
	}
	return "in_call_recording"
}

func scheduledStatus(b *Bot, now time.Time) string {
	switch {
	case b.deleted:
		return "cancelled"
	case b.underWay(now):
		return "completed"
	}
	return "scheduled"
}

// page is two of all, as the API pages.
func page(all []any, cursor string) (int, any) {
	from, _ := strconv.Atoi(cursor)
	from, to := min(from, len(all)), min(from+2, len(all))
	var next any
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return 200, map[string]any{"success": true, "data": all[from:to], "cursor": next, "prev_cursor": nil}
}

// filters refuses those that are not known.
func filters(req *request, known ...string) (int, any, bool) {
	for name := range req.URL.Query() {
		if !slices.Contains(known, name) {
			status, body := baasWrong(fmt.Sprint("unknown parameter ", name))
			return status, body, true
		}
	}
	return 0, nil, false
}

func (m *MeetingBaas) listScheduled(req *request) (int, any) {
	if status, body, bad := filters(req, "meeting_url", "status", "scheduled_after", "scheduled_before", "cursor", "limit"); bad {
		return status, body
	}
	q, all := req.URL.Query(), []any{}
	for _, b := range m.bots {
		after, before := at(q.Get("scheduled_after")), at(q.Get("scheduled_before"))
		if b.key != "scheduled" || q.Has("meeting_url") && b.Call != q.Get("meeting_url") ||
			q.Has("status") && !strings.Contains(q.Get("status"), scheduledStatus(b, req.now)) ||
			!after.IsZero() && b.JoinAt.Before(after) || !before.IsZero() && b.JoinAt.After(before) {
			continue
		}
		all = append(all, map[string]any{"bot_id": b.ID, "meeting_url": b.Call, "join_at": b.JoinAt, "status": scheduledStatus(b, req.now)})
	}
	return page(all, q.Get("cursor"))
}

func (m *MeetingBaas) list(req *request) (int, any) {
	if status, body, bad := filters(req, "meeting_url", "created_after", "cursor", "limit"); bad {
		return status, body
	}
	q, all := req.URL.Query(), []any{}
	for _, b := range m.bots {
		if b.deleted || !b.underWay(req.now) || q.Has("meeting_url") && b.Call != q.Get("meeting_url") || b.Made.Before(at(q.Get("created_after"))) {
			continue
		}
		all = append(all, map[string]any{"bot_id": b.ID, "meeting_url": b.Call, "status": baasStatus(b, req.now)})
	}
	return page(all, q.Get("cursor"))
}

func (m *MeetingBaas) notFound(req *request) (int, any) {
	return baasError(404, "FST_ERR_BOT_NOT_FOUND_BY_ID", "Bot with ID '"+req.PathValue("id")+"' not found")
}

func (m *MeetingBaas) conflict(b *Bot, status string) (int, any) {
	return baasError(409, "FST_ERR_BOT_STATUS", "Status of bot '"+b.ID+"' is: "+status+". Operation not permitted in this state.")
}

func (m *MeetingBaas) retrieve(req *request) (int, any) {
	b := m.bot(req.PathValue("id"))
	if b == nil || !b.underWay(req.now) {
		return m.notFound(req)
	}
	return baasData(200, map[string]any{"bot_id": b.ID, "status": baasStatus(b, req.now), "extra": b.fields["extra"], "meeting_url": b.Call})
}

func (m *MeetingBaas) retrieveScheduled(req *request) (int, any) {
	for _, b := range m.bots {
		if b.ID == req.PathValue("id") && b.key == "scheduled" {
			return baasData(200, map[string]any{"bot_id": b.ID, "status": scheduledStatus(b, req.now), "extra": b.fields["extra"], "meeting_url": b.Call, "join_at": b.JoinAt})
		}
	}
	return m.notFound(req)
}

func (m *MeetingBaas) update(req *request) (int, any) {
	b := m.bot(req.PathValue("id"))
	switch {
	case b == nil || b.key != "scheduled":
		return m.notFound(req)
	case b.over(req.now):
		return m.conflict(b, "completed")
	case b.JoinAt.Sub(req.now) < baasFreeze:
		return m.conflict(b, "locked")
	}
	if words := check(req.body, baasScheduled); words != "" {
		return baasWrong(words)
	}
	if join := at(req.body["join_at"]); !join.IsZero() {
		if join.Before(req.now.Add(-baasLeeway)) {
			return baasWrong("join_at must not be in the past")
		}
		if join.Before(req.now) {
			join = req.now
		}
		b.JoinAt, b.dispatched = join, join
	}
	for name, v := range req.body {
		b.fields[name] = v
	}
	b.readExtra()
	return baasData(200, map[string]any{"bot_id": b.ID})
}

// delete cancels a scheduled bot, and one that was scheduled and is at work.
func (m *MeetingBaas) delete(req *request) (int, any) {
	b := m.bot(req.PathValue("id"))
	switch {
	case b == nil || b.key != "scheduled":
		return m.notFound(req)
	case b.over(req.now):
		return m.conflict(b, "completed")
	case b.underWay(req.now):
		b.left = req.now
	default:
		b.deleted = true
	}
	return baasData(200, map[string]any{"bot_id": b.ID})
}

func (m *MeetingBaas) leave(req *request) (int, any) {
	b := m.bot(req.PathValue("id"))
	if b == nil || !b.underWay(req.now) {
		return m.notFound(req)
	}
	if s := baasStatus(b, req.now); s == "queued" || s == "completed" {
		return m.conflict(b, s)
	}
	b.left = req.now
	return baasData(200, map[string]any{"message": "Bot leave request sent successfully."})
}
