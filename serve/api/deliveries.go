package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.com/syncd/engine"
	"example.com/syncd/serve/tokens"
)

// Deliveries are messages to recorders.
type Deliveries interface {
	// Deliveries are at most n messages, the newest first, that fit the filter and are older than the one of the id
	// Before.
	Deliveries(ctx context.Context, f DeliveryFilter, n int) ([]Delivery, error)
	// Retry has a message tried again at once, also one that was given up. It fails with engine.ErrUnknown where there
	// is none of that id, with ErrDone where it has arrived, and with ErrOvertaken where a later one has been told.
	Retry(ctx context.Context, id int64) (Delivery, error)
}

// ErrDone: the message has arrived, and is not sent again. ErrOvertaken: it would take back what a later one says.
var (
	ErrDone      = errors.New("it has been delivered")
	ErrOvertaken = errors.New("a later one has been told")
)

// A DeliveryFilter says which messages are looked for. What is zero does not matter.
type DeliveryFilter struct {
	State    string // one of Delivery's
	Target   string
	Schedule string
	Before   int64
}

// Delivery is a message to a recorder, about a revision of a schedule.
type Delivery struct {
	ID          int64     `json:"id" doc:"of the message; later ones have greater ids"`
	Target      string    `json:"target" doc:"to whom"`
	Schedule    string    `json:"schedule"`
	Revision    int       `json:"revision"`
	State       string    `json:"state" enum:"waiting,delivered,rejected,overtaken" doc:"rejected: it was given up, for a person to look at; overtaken: a later one was told in its place"`
	WrittenAt   time.Time `json:"written_at"`
	DueAt       time.Time `json:"due_at,omitzero" doc:"when it is tried next"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
	Attempts    int       `json:"attempts"`
	Error       string    `json:"error,omitempty" doc:"of the last attempt"`
	Note        string    `json:"note,omitempty" doc:"what the recorder has noted of the schedule"`
}

// DeliveryPage is a page of messages.
type DeliveryPage struct {
	Deliveries []Delivery `json:"deliveries" nullable:"false" doc:"the newest first"`
	Next       string     `json:"next,omitempty" doc:"the cursor of the next page; none at the end"`
}

func (a *API) registerDeliveries() {
	op := a.operation(http.MethodGet, "/api/v1/deliveries", "listDeliveries", "deliveries", "Messages to recorders, the newest first", "", tokens.Deliveries)
	huma.Register(a.huma, op, a.deliveries)
	op = a.operation(http.MethodPost, "/api/v1/deliveries/{id}/retry", "retryDelivery", "deliveries", "Have a message tried again at once", "",
		tokens.Deliveries, http.StatusNotFound, http.StatusConflict)
	huma.Register(a.huma, op, a.retry)
}

type deliveriesOutput struct {
	Link string `header:"Link" doc:"where the next page is, with rel=\"next\""`
	Body DeliveryPage
}

func (a *API) deliveries(ctx context.Context, in *struct {
	Page
	State    string `query:"state" enum:"waiting,delivered,rejected,overtaken"`
	Target   string `query:"target" maxLength:"200"`
	Schedule string `query:"schedule" maxLength:"200" doc:"about the schedule of this id"`
}) (*deliveriesOutput, error) {
	f := DeliveryFilter{State: in.State, Target: in.Target, Schedule: in.Schedule}
	if in.After != "" {
		if err := a.cursors.read(in.filters("deliveries"), in.After, &f.Before); err != nil {
			return nil, err
		}
	}
	found, err := a.Deliveries.Deliveries(ctx, f, in.Limit)
	if err != nil {
		return nil, a.failed(ctx, "deliveries", err)
	}
	out := &deliveriesOutput{Body: DeliveryPage{Deliveries: append([]Delivery{}, found...)}}
	if len(found) == in.Limit {
		if out.Body.Next, err = a.cursors.cursor(in.filters("deliveries"), found[len(found)-1].ID); err != nil {
			return nil, err
		}
		out.Link = in.link(out.Body.Next)
	}
	return out, nil
}

func (a *API) retry(ctx context.Context, in *struct {
	ID int64 `path:"id" minimum:"1" doc:"of the message"`
}) (*struct{ Body Delivery }, error) {
	d, err := a.Deliveries.Retry(ctx, in.ID)
	switch {
	case errors.Is(err, engine.ErrUnknown):
		return nil, huma.Error404NotFound("there is no message of this id")
	case errors.Is(err, ErrDone):
		return nil, huma.Error409Conflict("this message has been delivered already")
	case errors.Is(err, ErrOvertaken):
		return nil, huma.Error409Conflict("a later message about the schedule has been told, or is about to be: this one would take it back")
	case err != nil:
		return nil, a.failed(ctx, "a delivery", err)
	}
	a.Log.Info("a delivery is tried again", "who", by(ctx), "delivery", d.ID)
	return &struct{ Body Delivery }{d}, nil
}
