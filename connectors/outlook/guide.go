package outlook

import (
	"strings"

	"example.com/syncd/connectors"
)

var _ connectors.Guided = (*connector)(nil)

// delegatedScopes are what users are asked for.
func (c *connector) delegatedScopes() []string {
	return []string{"openid", "profile", "email", "offline_access", calendarsRead}
}

// askedScopes are the same as users are asked for them: what is a resource's is named with it.
func (c *connector) askedScopes() []string {
	all := c.delegatedScopes()
	all[len(all)-1] = c.cloud.graph + "/" + calendarsRead
	return all
}

// permissions are those that the application needs itself.
func (c *connector) permissions() []string {
	all := []string{calendarsRead}
	if c.cfg.Roster != rosterDirectory && len(c.cfg.Users) == 0 || c.cfg.Group != "" {
		all = append(all, "User.Read.All")
	}
	if c.cfg.Group != "" {
		all = append(all, "GroupMember.Read.All")
	}
	return all
}

// Guide says how the connection is set up (docs/outlook.md has why).
func (c *connector) Guide() connectors.Guide {
	const registrations = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade"
	id := connectors.Paste{Label: "Application ID", Value: c.cfg.ClientID, Hint: "As client_id has it, for the tenant " + c.cfg.Tenant + "."}
	if c.cfg.delegated() {
		return connectors.Guide{Title: "Microsoft 365, user by user", Doc: "docs/outlook.md", Steps: []connectors.Step{
			{Says: "Register an application. Its redirect address, of the platform Web, is the one that the page Connect names. Not Single-page application: its grants end after a day.", Link: registrations, Paste: []connectors.Paste{id}},
			{Says: "Under API permissions, add the delegated permissions of Microsoft Graph. Where users may not consent by themselves, grant them for the organization.", Paste: []connectors.Paste{{Label: "Permissions", Value: strings.Join(c.delegatedScopes(), "\n")}}},
			{Says: "Under Certificates & secrets, make a client secret, and put its value, not its id, into the file that client_secret_file names."},
		}}
	}
	return connectors.Guide{Title: "Microsoft 365, company-wide", Doc: "docs/outlook.md", Steps: []connectors.Step{
		{Says: "Register an application of this organization alone. It needs no redirect address.", Link: registrations, Paste: []connectors.Paste{id}},
		{Says: "Under API permissions, add the application permissions of Microsoft Graph. To let it read some mailboxes alone, leave Calendars.Read out, and give the role Application Calendars.Read in Exchange Online instead; the documentation has the commands.", Paste: []connectors.Paste{{Label: "Permissions", Value: strings.Join(c.permissions(), "\n")}}},
		{Says: "As an administrator, grant consent for the organization.", Link: c.adminConsent()},
		{Says: "Give the application a certificate or a client secret, and name its file in certificate_file or client_secret_file. Then run the check, which ends with the first thing to mend.", Paste: []connectors.Paste{{Label: "Command", Value: "syncd check --config syncd.yaml"}}},
	}}
}
