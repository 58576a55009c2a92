package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/tokens"
)

// Signals are what people said of meetings.
type Signals interface {
	// All are at most n signals with greater numbers than after, in the order in which they were given; with a key, only
	// those about that meeting or its whole series.
	All(ctx context.Context, about calendar.Key, after int64, n int) ([]engine.Said, error)
	// Say adds one. What it is about is decided anew at once.
	Say(ctx context.Context, s eligibility.Signal) error
	// TakeBack takes out all that somebody said of exactly this meeting, or series, and returns how much that was.
	TakeBack(ctx context.Context, about calendar.Key, email string, now time.Time) (int, error)
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
	op = a.operation(http.MethodDelete, "/api/v1/signals", "takeBackSignals", "signals", "Take back what was said of a meeting", "", tokens.Signals, http.StatusNotFound)
	op.DefaultStatus = http.StatusNoContent
	huma.Register(a.huma, op, a.takeBack)
}

type signalsOutput struct {
	Link string `header:"Link" doc:"where the next page is, with rel=\"next\""`
	Body SignalPage
}

func (a *API) signals(ctx context.Context, in *struct {
	Page
	Meeting string `query:"meeting" maxLength:"8192" doc:"of this key, or of its whole series"`
}) (*signalsOutput, error) {
	after := int64(0)
	if in.After != "" {
		if err := a.cursors.read(in.filters("signals"), in.After, &after); err != nil {
			return nil, err
		}
	}
	said, err := a.Signals.All(ctx, calendar.Key(in.Meeting), after, in.Limit+1) // one more tells whether there are more
	if err != nil {
		return nil, a.failed(ctx, "signals", err)
	}
	out := &signalsOutput{Body: SignalPage{Signals: []eligibility.Signal{}}}
	for i, s := range said {
		if i == in.Limit {
			if out.Body.Next, err = a.cursors.cursor(in.filters("signals"), said[i-1].Seq); err != nil {
				return nil, err
			}
			out.Link = in.link(out.Body.Next)
			break
		}
		out.Body.Signals = append(out.Body.Signals, s.Signal)
	}
	return out, nil
}

func (a *API) signal(ctx context.Context, in *struct{ Body SignalRequest }) (*struct{ Body eligibility.Signal }, error) {
	email, err := speaker(ctx, in.Body.Email, "body.email")
	if err != nil {
		return nil, err
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
	s := eligibility.Signal{Meeting: meeting, Email: email, Signal: in.Body.Signal, At: a.Now().UTC().Truncate(time.Millisecond)}
	if err := a.Signals.Say(ctx, s); err != nil {
		return nil, a.failed(ctx, "a signal", err)
	}
	a.Log.Info("a signal was given", "who", by(ctx), "signal", s.Signal)
	return &struct{ Body eligibility.Signal }{s}, nil
}

func (a *API) takeBack(ctx context.Context, in *struct {
	Meeting string `query:"meeting" required:"true" minLength:"1" maxLength:"8192" doc:"the key of which it was said, as the list of signals has it"`
	Email   string `query:"email" maxLength:"320" doc:"who said it: yourself, unless you have the scope admin"`
}) (*struct{}, error) {
	email, err := speaker(ctx, in.Email, "query.email")
	if err != nil {
		return nil, err
	}
	n, err := a.Signals.TakeBack(ctx, calendar.Key(in.Meeting), email, a.Now())
	switch {
	case err != nil:
		return nil, a.failed(ctx, "signals", err)
	case n == 0:
		return nil, huma.Error404NotFound("nothing was said of exactly this key by this person; /api/v1/signals lists what was")
	}
	a.Log.Info("signals were taken back", "who", by(ctx), "signals", n)
	return nil, nil
}

// speaker is for whom somebody speaks who gives this address, or none, in that part of the request.
func speaker(ctx context.Context, address, location string) (string, error) {
	who, _ := access.From(ctx)
	switch {
	case address == "" && who.Email == "":
		return "", huma.Error422UnprocessableEntity("this token speaks for nobody: say for whom",
			&huma.ErrorDetail{Location: location, Message: "an address is needed, and the scope admin; or a token made with --for ADDRESS"})
	case address == "":
		return who.Email, nil
	case !eligibility.ValidAddress(address):
		return "", huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: location, Message: "it is no email address", Value: address})
	case address != who.Email && !who.Scopes.Has(tokens.Admin):
		return "", huma.Error403Forbidden("you speak for yourself alone: leave email out, or have somebody with the scope admin say it")
	}
	return address, nil
}
