package console

import (
	"net/http"
	"slices"
	"strings"

	"example.com/syncd/eligibility"
)

// providerRow is one provider as the policy has it.
type providerRow struct {
	ID      string
	Mark    mark
	Detail  string
	Methods []methodRow
	Unknown bool // the policy names it, and nothing of it can be recorded
}

// methodRow is one way to capture a provider's calls.
type methodRow struct {
	Name, Needs string
	Mark        mark
	Has         string // what of that is there
}

// needs are what ways to capture depend on.
var needs = map[string]string{
	eligibility.ZoomNative:       "Needs a host who is a member with a licensed account of the provider's, whose settings allow automatic recording.",
	eligibility.ZoomLocalBot:     "Needs a host who is a member, who may record to the computer, and grants bots that right.",
	eligibility.AuthenticatedBot: "Needs a bot with an account of its own at the provider; no lobby stops it.",
	eligibility.Bot:              "Needs nothing, but somebody in the call may have to let it in.",
}

func (c *console) providers(r *http.Request) (answer, error) {
	p, err := c.Data.Policy(r.Context())
	if err != nil {
		return answer{}, err
	}
	var rows []providerRow
	known := eligibility.CaptureMethods()
	for id := range p.Providers {
		if _, ok := known[id]; !ok {
			known[id] = nil
		}
	}
	for id, methods := range known {
		rows = append(rows, providerOf(id, methods, p.Policy))
	}
	slices.SortFunc(rows, func(a, b providerRow) int { return strings.Compare(a.ID, b.ID) })
	return answer{page: "providers", title: "Providers", section: "providers", body: rows}, nil
}

func providerOf(id string, methods []string, policy *eligibility.Policy) providerRow {
	p := policy.Providers[id]
	row := providerRow{ID: id, Mark: markOfProvider(p), Detail: p.StatusDetail, Unknown: methods == nil}
	for _, m := range methods {
		listed := slices.Contains(p.Capture, m) || p.Capture == nil && m == eligibility.Bot
		method := methodRow{Name: sentenceCase(captureName(m)), Needs: needs[m], Mark: mark{"✓", "yes", "may be tried"}}
		if !listed {
			method.Mark = mark{"–", "no", "not in the policy"}
		}
		method.Has = has(m, p, policy.Directory.Members)
		row.Methods = append(row.Methods, method)
	}
	return row
}

func markOfProvider(p eligibility.Provider) mark {
	switch {
	case !p.Enabled:
		return mark{"○", "no", "switched off: its meetings are not recorded"}
	case p.Status == eligibility.SetupError:
		return mark{"✕", "bad", "its set-up is broken: its meetings are not recorded"}
	case p.Status == eligibility.SetupWarning:
		return mark{"!", "warn", "recorded, with a warning"}
	}
	return mark{"✓", "yes", "recorded"}
}

// has is what of a method's needs is there.
func has(method string, p eligibility.Provider, members []eligibility.Member) string {
	able := func(ok func(*eligibility.ZoomUser) bool) string {
		n, seats := 0, 0
		for _, m := range members {
			if !m.Seat {
				continue
			}
			seats++
			if m.Zoom != nil && ok(m.Zoom) {
				n++
			}
		}
		return count(n, "member") + " of " + count(seats, "seat") + " could host such a meeting"
	}
	switch method {
	case eligibility.ZoomNative:
		return able(func(z *eligibility.ZoomUser) bool { return z.Licensed && z.AutoRecording })
	case eligibility.ZoomLocalBot:
		return able(func(z *eligibility.ZoomUser) bool { return z.RecordToComputer && z.GrantsPermission })
	case eligibility.AuthenticatedBot:
		if p.AuthenticatedBot {
			return "There is such a bot"
		}
		return "No such bot is set up (authenticated_bot in the policy)"
	}
	return ""
}
