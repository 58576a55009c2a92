package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/tokens"
)

// Signals are what people said of meetings.
type Signals interface {
	// Signals are all of them, in the order in which they were given.
	Signals() ([]eligibility.Signal, error)
	// Signal adds one. Meetings are decided by it within seconds.
	Signal(eligibility.Signal) error
}

// SignalPage is a page of signals.
type SignalPage struct {
	Signals []eligibility.Signal `json:"signals" nullable:"false" doc:"in the order in which they were given"`
	Next    string               `json:"next,omitempty" doc:"the cursor of the next page; none at the end"`
}

// SignalRequest is what somebody says of a meeting.
type SignalRequest struct {
	Meeting string `json:"meeting" minLength:"1" maxLength:"8192" doc:"the meeting's key; with series, its UID, or the key of any occurrence"`
	Signal  string `json:"signal" enum:"skip,record,opt_out" doc:"skip: do not record it; record: record it, if nothing that protects people is against it; opt_out: I join, and am not to be recorded"`
	Series  bool   `json:"series,omitempty" doc:"say it of the whole series"`
	Email   string `json:"email,omitempty" maxLength:"320" doc:"for whom it is said: yourself, unless you have the scope admin"`
}

func (a *API) registerSignals() {
	op := a.operation(http.MethodGet, "/api/v1/signals", "listSignals", "signals", "What people said of meetings", "", tokens.Signals)
	huma.Register(a.huma, op, a.signals)
	op = a.operation(http.MethodPost, "/api/v1/signals", "giveSignal", "signals", "Have a meeting skipped or recorded, or opt out of it", "",
		tokens.Signals, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusRequestTimeout)
	op.DefaultStatus = http.StatusCreated
	huma.Register(a.huma, op, a.signal)
}

type signalsOutput struct {
	Link string `header:"Link" doc:"where the next page is, with rel=\"next\""`
	Body SignalPage
}

func (a *API) signals(ctx context.Context, in *struct {
	Page
	Meeting string `query:"meeting" maxLength:"8192" doc:"of this key, or of its whole series"`
}) (*signalsOutput, error) {
	skip := 0
	if in.After != "" {
		if err := a.cursors.read(in.filters("signals"), in.After, &skip); err != nil {
			return nil, err
		}
	}
	all, err := a.Signals.Signals()
	if err != nil {
		return nil, a.failed(ctx, "signals", err)
	}
	out := &signalsOutput{Body: SignalPage{Signals: []eligibility.Signal{}}}
	for i, s := range all {
		about := in.Meeting == "" || string(s.Meeting) == in.Meeting || string(s.Meeting) == calendar.Key(in.Meeting).Series()
		if i < skip || !about {
			continue
		}
		if len(out.Body.Signals) == in.Limit { // the file only grows: a number is a place in it
			if out.Body.Next, err = a.cursors.cursor(in.filters("signals"), i); err != nil {
				return nil, err
			}
			out.Link = in.link(out.Body.Next)
			break
		}
		out.Body.Signals = append(out.Body.Signals, s)
	}
	return out, nil
}

func (a *API) signal(ctx context.Context, in *struct{ Body SignalRequest }) (*struct{ Body eligibility.Signal }, error) {
	who, _ := access.From(ctx)
	email := in.Body.Email
	switch {
	case email == "" && who.Email == "":
		return nil, huma.Error422UnprocessableEntity("this token speaks for nobody: say for whom",
			&huma.ErrorDetail{Location: "body.email", Message: "an address is needed, and the scope admin; or a token made with --for ADDRESS"})
	case email == "":
		email = who.Email
	case !eligibility.ValidAddress(email):
		return nil, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "body.email", Message: "it is no email address", Value: email})
	case email != who.Email && !who.Scopes.Has(tokens.Admin):
		return nil, huma.Error403Forbidden("you speak for yourself alone: leave email out, or have somebody with the scope admin say it")
	}
	meeting := calendar.Key(in.Body.Meeting)
	if in.Body.Series {
		meeting = calendar.Key(meeting.Series())
	}
	known, err := a.Catalog.Known(ctx, meeting)
	if err != nil {
		return nil, a.failed(ctx, "a meeting", err)
	}
	if !known {
		return nil, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "body.meeting", Message: "no meeting of this key was ever decided", Value: in.Body.Meeting})
	}
	s := eligibility.Signal{Meeting: meeting, Email: email, Signal: in.Body.Signal, At: a.Now().UTC().Truncate(time.Second)}
	if err := a.Signals.Signal(s); err != nil {
		a.Log.Error("a signal could not be noted", "error", err)
		return nil, huma.Error500InternalServerError("the signal could not be noted; the daemon's log says why")
	}
	a.Log.Info("a signal was given", "who", by(ctx), "signal", s.Signal)
	return &struct{ Body eligibility.Signal }{s}, nil
}
