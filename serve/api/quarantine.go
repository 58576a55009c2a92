package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
	"example.com/syncd/serve/tokens"
)

// MailPage is a page of mails that are held.
type MailPage struct {
	Mails []MailItem `json:"mails" nullable:"false" doc:"the newest first"`
	Next  string     `json:"next,omitempty" doc:"the cursor of the next page; none at the end"`
}

// MailItem is a mail of which nobody knows whether to believe it.
type MailItem struct {
	ID         string    `json:"id"`
	Calendar   string    `json:"calendar" doc:"the mailbox: DRIVER:CONNECTION/ADDRESS"`
	ReceivedAt time.Time `json:"received_at"`
	Sender     string    `json:"sender,omitempty" doc:"who it says has sent it"`
	Title      string    `json:"title,omitempty" doc:"of what it is about"`
	Meetings   []string  `json:"meetings,omitempty" nullable:"false"`
	Reason     string    `json:"reason" doc:"why it is not believed"`
}

func mailItem(l engine.HeldLetter) MailItem {
	return MailItem{ID: l.ID, Calendar: string(l.Source), ReceivedAt: l.Received, Sender: l.Sender, Title: l.Title, Meetings: l.Meetings, Reason: l.Reason}
}

// Released is what has been believed.
type Released struct {
	Mails []MailItem `json:"mails" nullable:"false" doc:"one, or several if it was held for several mailboxes"`
}

func (a *API) registerQuarantine() {
	op := a.operation(http.MethodGet, "/api/v1/quarantine", "listHeldMails", "quarantine", "Mails that are held, the newest first", "", tokens.Quarantine)
	huma.Register(a.huma, op, a.held)
	op = a.operation(http.MethodPost, "/api/v1/quarantine/{id}/release", "releaseMail", "quarantine", "Have a mail believed", "",
		tokens.Quarantine, http.StatusNotFound)
	huma.Register(a.huma, op, a.release)
}

type mailsOutput struct {
	Link string `header:"Link" doc:"where the next page is, with rel=\"next\""`
	Body MailPage
}

// letterPlace is where the list of mails goes on.
type letterPlace struct {
	Received int64  `json:"r"`
	Source   string `json:"s"`
	ID       string `json:"i"`
}

func (a *API) held(ctx context.Context, in *struct{ Page }) (*mailsOutput, error) {
	var behind engine.HeldLetter
	if in.After != "" {
		var at letterPlace
		if err := a.cursors.read(in.filters("quarantine"), in.After, &at); err != nil {
			return nil, err
		}
		behind = engine.HeldLetter{ID: at.ID, Source: calendar.SourceID(at.Source), Received: fromMS(at.Received)}
	}
	letters, err := a.Catalog.HeldLetters(ctx, behind, in.Limit)
	if err != nil {
		return nil, a.failed(ctx, "held mails", err)
	}
	out := &mailsOutput{Body: MailPage{Mails: make([]MailItem, len(letters))}}
	for i, l := range letters {
		out.Body.Mails[i] = mailItem(l)
	}
	if len(letters) == in.Limit {
		last := letters[len(letters)-1]
		if out.Body.Next, err = a.cursors.cursor(in.filters("quarantine"), letterPlace{toMS(last.Received), string(last.Source), last.ID}); err != nil {
			return nil, err
		}
		out.Link = in.link(out.Body.Next)
	}
	return out, nil
}

func (a *API) release(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"200" doc:"of the mail"`
}) (*struct{ Body Released }, error) {
	letters, err := a.Catalog.ReleaseLetter(ctx, in.ID)
	if errors.Is(err, engine.ErrUnknown) {
		return nil, huma.Error404NotFound("no mail of this id is held")
	}
	if err != nil {
		return nil, a.failed(ctx, "a held mail", err)
	}
	a.Log.Info("a held mail is believed", "who", by(ctx), "mail", in.ID)
	out := &struct{ Body Released }{}
	for _, l := range letters {
		out.Body.Mails = append(out.Body.Mails, mailItem(l))
	}
	return out, nil
}
