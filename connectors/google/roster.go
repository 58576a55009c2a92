package google

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	admin "google.golang.org/api/admin/directory/v1"
	"google.golang.org/api/option"
	people "google.golang.org/api/people/v1"

	"example.com/syncd/calendar"
)

// Sources are the primary calendars of those who consented, of the configured users, or of everybody on the
// roster, and with "calendars: all" what else is on their lists. The directory's users count where the roster is theirs.
func (c *connector) Sources(ctx context.Context, users []string) ([]calendar.Source, error) {
	covered, err := c.covered(ctx, users)
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

// covered are the users whose calendars are read, each once, in lower case.
func (c *connector) covered(ctx context.Context, directory []string) ([]string, error) {
	var covered []string
	var err error
	switch {
	case c.cfg.perUser():
		if covered, err = c.grants.Users(ctx); err != nil {
			return nil, fmt.Errorf("google: %w", err)
		}
	case len(c.cfg.Users) > 0:
		covered = c.cfg.Users
	case c.cfg.Roster == rosterDirectory:
		covered = slices.DeleteFunc(slices.Clone(directory), func(u string) bool {
			_, domain, _ := strings.Cut(u, "@")
			return !strings.EqualFold(domain, c.cfg.Domain)
		})
	case c.cfg.Roster == rosterPeople:
		covered, err = c.people(ctx)
	default:
		covered, err = c.users(ctx)
	}
	if err != nil {
		return nil, err
	}
	var members map[string]bool
	if c.cfg.Group != "" {
		if members, err = c.members(ctx); err != nil {
			return nil, err
		}
	}
	var each []string
	seen := map[string]bool{}
	for _, u := range covered {
		u = strings.ToLower(u)
		if seen[u] || members != nil && !members[u] {
			continue
		}
		seen[u] = true
		each = append(each, u)
	}
	return each, nil
}

// pages asks as the administrator for one page of a list after the other, until ask returns no token.
func (c *connector) pages(ctx context.Context, scope, doing string, ask func(hc *http.Client, page string) (next string, err error)) error {
	for page := ""; ; {
		var next string
		err := c.as(ctx, c.cfg.Admin, scope, func(hc *http.Client) error {
			var err error
			next, err = ask(hc, page)
			return err
		})
		if err != nil {
			return c.explain(ctx, err, doing+" as "+c.cfg.Admin, c.cfg.Admin, scope)
		}
		if page = next; page == "" {
			return nil
		}
	}
}

// users are those of the domain who have a calendar (Admin SDK, users.list): not the suspended and
// archived, nor those who never got a mailbox.
func (c *connector) users(ctx context.Context) ([]string, error) {
	var users []string
	err := c.pages(ctx, admin.AdminDirectoryUserReadonlyScope, "list the users of "+c.cfg.Domain, func(hc *http.Client, page string) (string, error) {
		svc, err := admin.NewService(ctx, option.WithHTTPClient(hc), quiet)
		if err != nil {
			return "", err
		}
		call := svc.Users.List().Context(ctx).Domain(c.cfg.Domain).MaxResults(500).OrderBy("email").
			Fields("nextPageToken", "users(primaryEmail,suspended,archived,isMailboxSetup)")
		if page != "" {
			call.PageToken(page)
		}
		list, err := call.Do(quotaUser(c.cfg.Admin))
		if err != nil {
			return "", err
		}
		for _, u := range list.Users {
			if !u.Suspended && !u.Archived && u.IsMailboxSetup {
				users = append(users, u.PrimaryEmail)
			}
		}
		return list.NextPageToken, nil
	})
	return users, err
}

// members are the addresses of the group's members (Admin SDK, members.list), in lower case, whatever state
// they are in; those of groups in it, and the groups themselves.
func (c *connector) members(ctx context.Context) (map[string]bool, error) {
	members := map[string]bool{}
	err := c.pages(ctx, admin.AdminDirectoryGroupMemberReadonlyScope, "list the members of "+c.cfg.Group, func(hc *http.Client, page string) (string, error) {
		svc, err := admin.NewService(ctx, option.WithHTTPClient(hc), quiet)
		if err != nil {
			return "", err
		}
		call := svc.Members.List(c.cfg.Group).Context(ctx).IncludeDerivedMembership(true).MaxResults(200).Fields("nextPageToken", "members(email)")
		if page != "" {
			call.PageToken(page)
		}
		list, err := call.Do(quotaUser(c.cfg.Admin))
		if err != nil {
			return "", err
		}
		for _, m := range list.Members {
			members[strings.ToLower(m.Email)] = true
		}
		return list.NextPageToken, nil
	})
	return members, err
}

// people are the addresses of the domain's directory (People API, people.listDirectoryPeople), which
// any user may read where directory sharing is on. It does not say who is suspended, nor who has a calendar:
// those are refused when they are pulled.
func (c *connector) people(ctx context.Context) ([]string, error) {
	var users []string
	err := c.pages(ctx, people.DirectoryReadonlyScope, "list the directory of "+c.cfg.Domain, func(hc *http.Client, page string) (string, error) {
		svc, err := people.NewService(ctx, option.WithHTTPClient(hc), quiet)
		if err != nil {
			return "", err
		}
		call := svc.People.ListDirectoryPeople().Context(ctx).ReadMask("emailAddresses").Sources("DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE").
			PageSize(1000).Fields("nextPageToken", "people(emailAddresses(value,metadata(primary)))")
		if page != "" {
			call.PageToken(page)
		}
		list, err := call.Do(quotaUser(c.cfg.Admin))
		if err != nil {
			return "", err
		}
		for _, p := range list.People {
			for _, e := range p.EmailAddresses {
				_, domain, _ := strings.Cut(e.Value, "@")
				if e.Metadata != nil && e.Metadata.Primary && strings.EqualFold(domain, c.cfg.Domain) {
					users = append(users, e.Value)
				}
			}
		}
		return list.NextPageToken, nil
	})
	return users, err
}
