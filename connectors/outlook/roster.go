package outlook

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors/outlook/graph"
)

// Sources are the primary calendars of those who consented, of the configured users, or of everybody on the roster,
// and with "calendars: all" their others. Whether a mailbox may be read is found out by pulling it.
func (c *connector) Sources(ctx context.Context, directory []string) ([]calendar.Source, error) {
	covered, err := c.covered(ctx, directory)
	if err != nil {
		return nil, err
	}
	var sources []calendar.Source
	for _, u := range covered {
		s := calendar.NewSource(Driver.Name, c.env.Account, u)
		s.Primary = true
		sources = append(sources, s)
	}
	if c.cfg.Calendars == calendarsAll {
		more, err := c.secondary(ctx, covered)
		if err != nil {
			return nil, err
		}
		sources = append(sources, more...)
	}
	return sources, nil
}

// covered are the users whose calendars are read, each once, in lower case: addresses are the same in any.
func (c *connector) covered(ctx context.Context, directory []string) ([]string, error) {
	var covered []string
	var err error
	switch {
	case c.cfg.delegated():
		if covered, err = c.grants.Users(ctx); err != nil {
			return nil, fmt.Errorf("outlook: %w", err)
		}
	case len(c.cfg.Users) > 0:
		covered = c.cfg.Users
	case c.cfg.Roster == rosterDirectory && c.cfg.Group == "":
		covered = directory
	case c.cfg.Group != "":
		covered, err = c.addresses(ctx, "list the members of the group "+c.cfg.Group, func(link string) (graph.Answer, error) { return c.graph.Members(ctx, c.cfg.Group, link) })
	default:
		covered, err = c.addresses(ctx, "list the users of "+c.cfg.Tenant, func(link string) (graph.Answer, error) { return c.graph.Users(ctx, link) })
	}
	if err != nil {
		return nil, err
	}
	members := map[string]bool{}
	for _, u := range directory {
		members[strings.ToLower(u)] = true
	}
	var each []string
	seen := map[string]bool{}
	for _, u := range covered {
		u = strings.ToLower(u)
		if seen[u] || !c.ofDomain(u) || c.cfg.Group != "" && c.cfg.Roster == rosterDirectory && !members[u] {
			continue
		}
		seen[u] = true
		each = append(each, u)
	}
	return each, nil
}

// ofDomain reports whether the address is of one of the domains that count.
func (c *connector) ofDomain(user string) bool {
	_, domain, _ := strings.Cut(user, "@")
	return len(c.cfg.Domains) == 0 || slices.ContainsFunc(c.cfg.Domains, func(d string) bool { return strings.EqualFold(d, domain) })
}

// maxRoster bounds the roster's pages.
const maxRoster = 1000

// addresses are those of enabled users who may have a mailbox. A whole list costs one request for each 999 of
// them, so the deltas of users and groups, which name members by id alone, would save nothing.
func (c *connector) addresses(ctx context.Context, doing string, ask func(link string) (graph.Answer, error)) ([]string, error) {
	var users []string
	nameless := 0
	link := ""
	for range maxRoster {
		a, err := ask(link)
		p, err := c.list(a, err, doing, "")
		if err != nil {
			return nil, err
		}
		for _, raw := range p.Value {
			var u struct {
				UserPrincipalName string `json:"userPrincipalName"`
				Mail              string `json:"mail"`
				AccountEnabled    *bool  `json:"accountEnabled"`
				UserType          string `json:"userType"`
			}
			switch {
			case json.Unmarshal(raw, &u) != nil:
			case u.Mail == "" && u.UserPrincipalName == "":
				nameless++ // without User.Read.All, members come with their ids alone ("List group members")
			case u.AccountEnabled != nil && !*u.AccountEnabled, u.UserType == "Guest":
			case u.Mail != "": // without a mail address there is no mailbox
				users = append(users, cmp.Or(u.Mail, u.UserPrincipalName))
			}
		}
		if link = p.NextLink; link == "" {
			if nameless > 0 && len(users) == 0 {
				return nil, c.unnamed(doing, nameless)
			}
			return users, nil
		}
	}
	return nil, fmt.Errorf("outlook: %s: the list does not end after %d pages", doing, maxRoster)
}
