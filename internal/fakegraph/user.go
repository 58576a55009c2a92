package fakegraph

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A User is a person or a room of the directory.
type User struct {
	ID      string // an object id; "": made of the address
	Email   string
	Name    string
	UPN     string   // the sign-in name, if it is another than the address
	Aliases []string // further addresses of the mailbox

	Disabled   bool // not enabled: the roster's filter leaves it out
	Guest      bool // of another organization, and without a mailbox here
	NoMailbox  bool // unlicensed, or on premises: its calendar answers MailboxNotEnabledForRESTAPI
	Restricted bool // outside of what an access policy, or RBAC for Applications, lets the application read
	Room       bool
}

// has reports whether the address is one of the user's.
func (u *User) has(email string) bool {
	return strings.EqualFold(email, u.Email) || strings.EqualFold(email, u.UPN) ||
		slices.ContainsFunc(u.Aliases, func(a string) bool { return strings.EqualFold(a, email) })
}

// SetUser adds a user to the directory, or replaces the one with that address. The mailbox stays.
func (t *Tenant) SetUser(u User) { t.set(func() { t.addUser(u) }) }

// RemoveUser deletes a user with the mailbox.
func (t *Tenant) RemoveUser(email string) {
	t.set(func() {
		u := t.mustUser(email)
		delete(t.mailboxes, u.ID)
		t.users = slices.DeleteFunc(t.users, func(v *User) bool { return v == u })
	})
}

func (t *Tenant) addUser(u User) {
	u.ID, u.UPN = or(u.ID, guid("user", strings.ToLower(u.Email))), or(u.UPN, u.Email)
	u.Name = or(u.Name, nameOf(u.Email))
	added := &u
	if old := t.user(u.Email); old != nil {
		u.ID = old.ID
		*old = u
		added = old
	} else {
		t.users = append(t.users, added)
	}
	if t.mailboxes[u.ID] == nil && !u.Guest {
		t.mailboxes[u.ID] = newMailbox(added)
	}
}

// nameOf makes "Eve Adams" of "eve.adams@acme.co.uk".
func nameOf(email string) string {
	local, _, _ := strings.Cut(email, "@")
	var words []string
	for w := range strings.FieldsFuncSeq(local, func(r rune) bool { return r == '.' || r == '-' || r == '_' }) {
		words = append(words, strings.ToUpper(w[:1])+w[1:])
	}
	return strings.Join(words, " ")
}

// user finds by object id, sign-in name or address.
func (t *Tenant) user(name string) *User {
	for _, u := range t.users {
		if strings.EqualFold(u.ID, name) || u.has(name) {
			return u
		}
	}
	return nil
}

func (t *Tenant) mustUser(name string) *User {
	u := t.user(name)
	if u == nil {
		panic("fakegraph: no user " + name)
	}
	return u
}

// resource is the user as the directory gives it out.
func (u *User) resource() map[string]any {
	proxies := []any{"SMTP:" + u.Email}
	for _, a := range u.Aliases {
		proxies = append(proxies, "smtp:"+a)
	}
	kind, plans := "Member", []any{}
	if u.Guest {
		kind = "Guest"
	}
	if !u.Guest && !u.NoMailbox {
		plans = append(plans, map[string]any{
			"assignedDateTime": "2026-01-01T00:00:00Z", "capabilityStatus": "Enabled", "service": "exchange",
			"servicePlanId": "efb87545-963c-4e0d-99df-69c6916d9eb0",
		})
	}
	return map[string]any{
		"id": u.ID, "displayName": u.Name, "userPrincipalName": u.UPN, "mail": u.Email, "proxyAddresses": proxies,
		"accountEnabled": !u.Disabled, "userType": kind, "assignedPlans": plans, "businessPhones": []any{},
		"givenName": nil, "surname": nil, "jobTitle": nil, "mobilePhone": nil, "officeLocation": nil, "preferredLanguage": nil,
	}
}

// userDefaults are what a user comes with when nothing is selected ("User resource type").
var userDefaults = []string{"businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage", "surname", "userPrincipalName"}

// roster is GET /users: $select, $top, and of $filter what syncd and its like ask for.
func (c *call) roster() answer {
	var rows []map[string]any
	for _, u := range c.t.users {
		row := u.resource()
		for term := range strings.SplitSeq(c.query("$filter"), " and ") {
			ok, known := matches(row, strings.TrimSpace(term))
			if !known {
				return refuse(400, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified.")
			}
			if !ok {
				row = nil
				break
			}
		}
		if row != nil {
			rows = append(rows, row)
		}
	}
	return c.directoryPage("users", rows, userDefaults)
}

// matches tries one comparison of a filter.
func matches(row map[string]any, term string) (ok, known bool) {
	if term == "" {
		return true, true
	}
	name, value, found := strings.Cut(term, " eq ")
	has, there := row[name]
	if !found || !there {
		return false, false
	}
	return strings.EqualFold(fmt.Sprint(has), strings.Trim(value, "'")), true
}

// directoryPage is a page of directory objects, each with its selected or default properties.
func (c *call) directoryPage(kind string, rows []map[string]any, defaults []string) answer {
	from, _ := strconv.Atoi(c.query("$skiptoken"))
	size := 100
	if s := c.query("$top"); s != "" {
		var err error
		if size, err = strconv.Atoi(s); err != nil || size < 1 || size > 999 {
			return refuse(400, "Request_UnsupportedQuery", "Invalid page size specified: '"+s+"'. Must be between 1 and 999 inclusive.")
		}
	}
	if c.t.RosterPage > 0 {
		size = min(size, c.t.RosterPage)
	}
	from = min(max(from, 0), len(rows))
	to := min(from+size, len(rows))
	fields := defaults
	if s := c.query("$select"); s != "" {
		fields = strings.Split(s, ",")
	}
	value := []any{}
	for _, row := range rows[from:to] {
		one := map[string]any{}
		if kind := row["@odata.type"]; kind != nil {
			one["@odata.type"] = kind
		}
		for _, f := range fields {
			if v, ok := row[strings.TrimSpace(f)]; ok {
				one[strings.TrimSpace(f)] = v
			}
		}
		value = append(value, one)
	}
	body := map[string]any{"@odata.context": c.base + "/v1.0/$metadata#" + kind, "value": value}
	if c.query("$count") == "true" && from == 0 {
		body["@odata.count"] = len(rows)
	}
	if to < len(rows) {
		body["@odata.nextLink"] = c.link(url.Values{"$select": nil, "$filter": nil, "$top": nil, "$skiptoken": {strconv.Itoa(to)}})
	}
	return answer{status: 200, body: body}
}

// oneUser is GET /users/{id}.
func (c *call) oneUser(name string) answer {
	u := c.t.user(name)
	if u == nil {
		return refuse(404, "Request_ResourceNotFound", "Resource '"+name+"' does not exist or one of its queried reference-property objects are not present.")
	}
	fields := userDefaults
	if s := c.query("$select"); s != "" {
		fields = strings.Split(s, ",")
	}
	row, out := u.resource(), map[string]any{"@odata.context": c.base + "/v1.0/$metadata#users/$entity"}
	for _, f := range fields {
		if v, ok := row[strings.TrimSpace(f)]; ok {
			out[strings.TrimSpace(f)] = v
		}
	}
	return answer{status: 200, body: out}
}
