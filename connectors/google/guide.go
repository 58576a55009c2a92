package google

import (
	"strings"

	admin "google.golang.org/api/admin/directory/v1"
	gcal "google.golang.org/api/calendar/v3"
	people "google.golang.org/api/people/v1"

	"example.com/syncd/connectors"
)

var _ connectors.Guided = (*connector)(nil)

// apis are what a scope needs to be enabled in the Cloud project.
var apis = map[string]string{
	gcal.CalendarEventsReadonlyScope:             "Google Calendar API",
	gcal.CalendarCalendarlistReadonlyScope:       "Google Calendar API",
	admin.AdminDirectoryUserReadonlyScope:        "Admin SDK API",
	admin.AdminDirectoryGroupMemberReadonlyScope: "Admin SDK API",
	people.DirectoryReadonlyScope:                "People API",
}

// enabled are the APIs that the connection needs, each once.
func (c *connector) enabled() string {
	var all []string
	for _, s := range c.scopes() {
		if name := apis[s]; len(all) == 0 || all[len(all)-1] != name {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}

// Guide says how the connection is set up (docs/google.md has why).
func (c *connector) Guide() connectors.Guide {
	if c.cfg.perUser() {
		return c.guideUsers()
	}
	id := ""
	if c.cfg.ServiceAccountFile != "" {
		if _, found, err := c.serviceAccount(gcal.CalendarEventsReadonlyScope); err == nil {
			id = found
		}
	}
	return connectors.Guide{Title: "Google Workspace, company-wide", Doc: "docs/google.md", Steps: []connectors.Step{
		{Says: "In the Cloud project of the service account, enable the APIs.", Link: "https://console.cloud.google.com/apis/library", Paste: []connectors.Paste{{Label: "APIs", Value: c.enabled()}}},
		{
			Says: "As a super administrator, in the Admin console under Security, Access and data control, API controls, Domain-wide delegation, add an API client, or edit it: all scopes at once, since what is given replaces what was there.",
			Link: "https://admin.google.com/ac/owl/domainwidedelegation",
			Paste: []connectors.Paste{
				{Label: "Client ID", Value: id, Hint: "The service account's unique id, a number; it stands on its page in the Cloud console."},
				{Label: "OAuth scopes", Value: strings.Join(c.scopes(), ","), Hint: "They allow to read, and nothing else."},
			},
		},
		{Says: "Wait: it may take a day to be in force. Then run the check, which ends with the first thing to mend.", Paste: []connectors.Paste{{Label: "Command", Value: "syncd check --config syncd.yaml"}}},
	}}
}

// guideUsers is the guide where users consent one by one.
func (c *connector) guideUsers() connectors.Guide {
	return connectors.Guide{Title: "Google, user by user", Doc: "docs/google.md", Steps: []connectors.Step{
		{Says: "In a Cloud project, enable the API.", Link: "https://console.cloud.google.com/apis/library", Paste: []connectors.Paste{{Label: "API", Value: c.enabled()}}},
		{Says: "Set up the consent screen. Choose the audience Internal if all users are of one Workspace organization. While an External one is in testing, every grant ends after seven days.", Link: "https://console.cloud.google.com/auth/audience"},
		{Says: "Under Data access, add the scopes.", Link: "https://console.cloud.google.com/auth/scopes", Paste: []connectors.Paste{{Label: "Scopes", Value: strings.Join(c.consentScopes(), "\n")}}},
		{Says: "Under Clients, make a client of the type Web application. Its authorized redirect address is the one that the page Connect names. Download its JSON, and name the file in oauth_client_file.", Link: "https://console.cloud.google.com/auth/clients"},
	}}
}
