package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"example.com/syncd/eligibility"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/tokens"
)

// MemberPage is a page of the directory.
type MemberPage struct {
	Members []MemberItem `json:"members" nullable:"false" doc:"by address"`
	Next    string       `json:"next,omitempty" doc:"the cursor of the next page; none at the end"`
}

// MemberItem is a member as the policy in force has them, with its defaults filled in.
type MemberItem struct {
	Email          string                `json:"email"`
	Aliases        []string              `json:"aliases,omitempty" nullable:"false"`
	Name           string                `json:"name,omitempty"`
	Seat           bool                  `json:"seat"`
	Record         string                `json:"record" enum:"on,off,never"`
	ConsentProfile string                `json:"consent_profile"`
	Account        *eligibility.ZoomUser `json:"conference_account,omitempty" doc:"what is known of the account at the conference provider"`
	Calendars      []MemberCalendar      `json:"calendars" nullable:"false" doc:"those that are read of this member"`
}

// MemberCalendar is a member's calendar.
type MemberCalendar struct {
	ID    string `json:"id" doc:"DRIVER:CONNECTION/CALENDAR"`
	State string `json:"state" enum:"read,unread,failing,held,refused"`
}

func (a *API) registerDirectory() {
	op := a.operation(http.MethodGet, "/api/v1/directory", "listMembers", "directory", "The members, as the rules in force have them", "", tokens.Read)
	huma.Register(a.huma, op, a.directory)
}

type directoryOutput struct {
	Link string `header:"Link" doc:"where the next page is, with rel=\"next\""`
	Body MemberPage
}

func (a *API) directory(ctx context.Context, in *struct{ Page }) (*directoryOutput, error) {
	after := ""
	if in.After != "" {
		if err := a.cursors.read(in.filters("directory"), in.After, &after); err != nil {
			return nil, err
		}
	}
	members := slices.Clone(a.Directory())
	address := func(m eligibility.Member) string { return strings.ToLower(m.Email) }
	slices.SortStableFunc(members, func(x, y eligibility.Member) int { return strings.Compare(address(x), address(y)) })
	from, found := slices.BinarySearchFunc(members, after, func(m eligibility.Member, at string) int { return strings.Compare(address(m), at) })
	for found && from < len(members) && address(members[from]) == after {
		from++
	}
	out := &directoryOutput{Body: MemberPage{Members: []MemberItem{}}}
	for i, m := range members[from:] {
		if i == in.Limit {
			var err error
			if out.Body.Next, err = a.cursors.cursor(in.filters("directory"), address(members[from+i-1])); err != nil {
				return nil, err
			}
			out.Link = in.link(out.Body.Next)
			break
		}
		item, err := a.member(ctx, m)
		if err != nil {
			return nil, a.failed(ctx, "the directory", err)
		}
		out.Body.Members = append(out.Body.Members, item)
	}
	return out, nil
}

func (a *API) member(ctx context.Context, m eligibility.Member) (MemberItem, error) {
	item := MemberItem{
		Email: m.Email, Aliases: m.Aliases, Name: m.Name, Seat: m.Seat, Record: cmp.Or(string(m.Record), string(eligibility.RecordOff)),
		ConsentProfile: cmp.Or(m.ConsentProfile, "default"), Account: m.Zoom, Calendars: []MemberCalendar{},
	}
	for _, address := range append([]string{m.Email}, m.Aliases...) {
		states, err := a.Catalog.CalendarsOf(ctx, address)
		if err != nil {
			return item, err
		}
		for _, s := range states {
			c := calendarItem(s)
			item.Calendars = append(item.Calendars, MemberCalendar{c.ID, c.State})
		}
	}
	return item, nil
}

// Me is who asks.
type Me struct {
	ID     string   `json:"id"`
	Person bool     `json:"person"`
	Name   string   `json:"name,omitempty"`
	Email  string   `json:"email,omitempty"`
	Scopes []string `json:"scopes" nullable:"false"`
}

func (a *API) registerMe() {
	op := a.operation(http.MethodGet, "/api/v1/me", "getMe", "me", "Who you are, and what you may do", "", tokens.Read)
	op.Middlewares, op.Security = nil, []map[string][]string{{"token": {}}, {"session": {}}}
	huma.Register(a.huma, op, func(ctx context.Context, _ *struct{}) (*struct{ Body Me }, error) {
		who, ok := access.From(ctx)
		if !ok {
			return nil, huma.Error401Unauthorized("nobody is known to have asked")
		}
		me := Me{ID: who.ID, Person: who.Person, Name: who.Name, Email: who.Email, Scopes: []string{}}
		for _, s := range tokens.All() {
			if who.Scopes.Has(s) {
				me.Scopes = append(me.Scopes, string(s))
			}
		}
		return &struct{ Body Me }{me}, nil
	})
}
