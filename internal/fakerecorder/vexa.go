package fakerecorder

import (
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// The rules of Vexa, from its documentation and source (docs/api/bots.mdx; of 2026).
const (
	vexaBoot = 10 * time.Second // until a bot is in the call
	vexaStop = 8 * time.Second  // from a request to stop until the bot is out, and its call free for another
)

// Vexa is a simulated Vexa. Capacity is how many bots may still be sent.
type Vexa struct{ *Server }

// NewVexa starts one.
func NewVexa(now func() time.Time) *Vexa {
	v := &Vexa{}
	authorized := func(req *http.Request) bool { return req.Header.Get("X-API-Key") == Key }
	v.Server = newServer(now, authorized, map[string]func(*Server) handler{
		"POST /bots":                   func(*Server) handler { return v.create },
		"GET /bots/status":             func(*Server) handler { return v.status },
		"DELETE /bots/{platform}/{id}": func(*Server) handler { return v.stop },
	})
	return v
}

var vexaForms = map[string]*regexp.Regexp{
	"zoom": regexp.MustCompile(`^\d{9,11}$`), "google_meet": regexp.MustCompile(`^[a-z]{3}-[a-z]{4}-[a-z]{3}$`), "teams": regexp.MustCompile(`^\d{10,15}$`),
}

var vexaFields = map[string]field{
	"platform": text(20), "native_meeting_id": text(50), "passcode": text(100), "bot_name": text(100), "language": text(10),
	"recording_enabled": boolean, "transcribe_enabled": boolean, "transcription_tier": text(10),
}

func vexaDetail(status int, words string) (int, any) { return status, map[string]any{"detail": words} }

func (v *Vexa) create(req *request) (int, any) {
	if words := check(req.body, vexaFields, "platform", "native_meeting_id"); words != "" {
		return vexaDetail(422, words)
	}
	platform, id := req.body["platform"].(string), req.body["native_meeting_id"].(string)
	if form := vexaForms[platform]; form == nil || !form.MatchString(id) {
		return vexaDetail(422, "native_meeting_id is none of the platform")
	}
	if platform == "teams" && req.body["passcode"] == nil {
		return vexaDetail(422, "passcode is required for Teams")
	}
	if v.at(platform+"/"+id, req.now) != nil {
		return vexaDetail(409, "An active or requested meeting already exists for this platform and meeting ID.")
	}
	if !v.claim() {
		return vexaDetail(429, "User has reached the maximum concurrent bot limit (1).")
	}
	b := v.add(&Bot{fields: req.body, Call: platform + "/" + id, JoinAt: req.now.Add(vexaBoot), dispatched: req.now}, "")
	return 201, map[string]any{"id": v.made, "platform": platform, "native_meeting_id": id, "status": "requested", "created_at": b.Made}
}

// at is the bot of a call that is not at its end.
func (v *Vexa) at(call string, now time.Time) *Bot {
	for _, b := range v.bots {
		if b.Call == call && !b.over(now) {
			return b
		}
	}
	return nil
}

func (v *Vexa) status(req *request) (int, any) {
	all := []any{}
	for _, b := range v.bots {
		if b.over(req.now) {
			continue
		}
		id, _ := strconv.Atoi(b.ID)
		all = append(all, map[string]any{
			"container_name": "vexa-bot-" + b.ID, "platform": b.fields["platform"], "native_meeting_id": b.fields["native_meeting_id"],
			"status": "Up", "created_at": b.Made, "labels": map[string]any{"vexa.meeting_id": strconv.Itoa(id)}, "meeting_id_from_name": b.ID,
		})
	}
	return 200, map[string]any{"running_bots": all}
}

func (v *Vexa) stop(req *request) (int, any) {
	b := v.at(req.PathValue("platform")+"/"+req.PathValue("id"), req.now)
	if b == nil {
		return vexaDetail(404, "No active meeting found")
	}
	if b.left.IsZero() {
		b.left = req.now.Add(vexaStop)
	}
	return 202, map[string]any{"message": "Stop request accepted and is being processed."}
}
