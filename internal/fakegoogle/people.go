package fakegoogle

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A User is one line of the roster.
type User struct {
	Email               string
	Name                string // "": made from the address
	Suspended, Archived bool
	NoMailbox           bool
	NoCalendar          bool // the Calendar service is switched off for them
	Admin               bool // may read the directory
}

func (u User) names() (given, family string) {
	name := u.Name
	if name == "" {
		local, _, _ := strings.Cut(u.Email, "@")
		name = strings.ToUpper(local[:1]) + local[1:]
	}
	given, family, _ = strings.Cut(name, " ")
	return given, cmp.Or(family, "Acme")
}

func (t *Tenant) addUser(u User) {
	t.users = append(t.users, u)
	t.addCalendar(&calendar{id: u.Email, owner: u.Email, summary: u.Email, primary: true})
}

// PutUser adds a user, or changes one. A suspended user's tokens are dead (Admin help, "Suspend a user").
func (t *Tenant) PutUser(u User) {
	t.do(func() {
		i := slices.IndexFunc(t.users, func(had User) bool { return had.Email == u.Email })
		if i < 0 {
			t.addUser(u)
			return
		}
		t.users[i] = u
	})
}

// RemoveUser deletes a user and the primary calendar.
func (t *Tenant) RemoveUser(email string) {
	t.do(func() {
		t.users = slices.DeleteFunc(t.users, func(u User) bool { return u.Email == email })
		t.calendar(email).deleted = true
	})
}

// PutGroup makes a group, or replaces its members.
func (t *Tenant) PutGroup(address string, members ...string) {
	t.do(func() { t.groups[address] = members })
}

// user is who has the address; ok is false when nobody does.
func (t *Tenant) user(email string) (u User, ok bool) {
	i := slices.IndexFunc(t.users, func(u User) bool { return strings.EqualFold(u.Email, email) })
	if i < 0 {
		return User{}, false
	}
	return t.users[i], true
}

// directoryPages are good for three days (Directory API, users.list, pageToken).
const directoryPages = 72 * time.Hour

// page cuts one page out of n things. Its token says from where, and when it was given out; binding is
// what must not change between pages.
func (t *Tenant) page(q url.Values, size, n int, binding string) (from, to int, next string, ok bool) {
	if token := q.Get("pageToken"); token != "" {
		f := strings.Split(unseal(token), ".")
		if len(f) != 3 || f[1] != hashed(binding) {
			return 0, 0, "", false
		}
		given, err := strconv.ParseInt(f[2], 10, 64)
		if from, _ = strconv.Atoi(f[0]); err != nil || t.Now().Sub(time.Unix(given, 0)) > directoryPages {
			return 0, 0, "", false
		}
	}
	from = min(from, n)
	to = min(from+size, n)
	if to < n {
		next = seal(strconv.Itoa(to) + "." + hashed(binding) + "." + strconv.FormatInt(t.Now().Unix(), 10))
	}
	return from, to, next, true
}

// size is a page's size: as asked, or what the API takes when it is not, at most what it gives.
func size(q url.Values, name string, usual, most int) (int, bool) {
	if !q.Has(name) {
		return usual, true
	}
	n, err := strconv.Atoi(q.Get(name))
	return min(n, most), err == nil && n >= 1
}

// listUsers is the Directory API's users.list.
func (t *Tenant) listUsers(c call) answer {
	q := c.query
	who, _ := t.user(c.user())
	public := q.Get("viewType") == "domain_public"
	switch {
	case !who.Admin && !public:
		return refuse(http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api")
	case q.Get("domain") == "" && q.Get("customer") == "":
		return refuse(http.StatusBadRequest, "badRequest", "Bad Request")
	case q.Has("domain") && !slices.ContainsFunc(t.users, func(u User) bool { return domainOf(u.Email) == q.Get("domain") }):
		return refuse(http.StatusNotFound, "notFound", "Domain not found.")
	}
	var users []User
	for _, u := range t.users {
		if !q.Has("domain") || domainOf(u.Email) == q.Get("domain") {
			users = append(users, u)
		}
	}
	by := map[string]func(a, b User) int{
		"":      func(User, User) int { return 0 },
		"email": func(a, b User) int { return cmp.Compare(a.Email, b.Email) },
		"givenName": func(a, b User) int {
			x, _ := a.names()
			y, _ := b.names()
			return cmp.Compare(x, y)
		},
		"familyName": func(a, b User) int {
			_, x := a.names()
			_, y := b.names()
			return cmp.Compare(x, y)
		},
	}[q.Get("orderBy")]
	n, ok := size(q, "maxResults", 100, 500)
	if !ok || by == nil {
		return refuse(http.StatusBadRequest, "badRequest", "Bad Request")
	}
	slices.SortStableFunc(users, by)
	if q.Get("sortOrder") == "DESCENDING" {
		slices.Reverse(users)
	}
	from, to, next, ok := t.page(q, min(n, t.DirectoryPage), len(users), q.Get("domain")+" "+q.Get("orderBy")+" "+q.Get("sortOrder"))
	if !ok {
		return refuse(http.StatusBadRequest, "invalid", "Invalid Input: pageToken")
	}
	list := []any{}
	for _, u := range users[from:to] {
		list = append(list, u.directory(public))
	}
	return page(map[string]any{"kind": "admin#directory#users", "etag": etag("users", t.changes), "users": list}, next)
}

// directory is a user as the Directory API has them; to those who are no administrators, less of it.
func (u User) directory(public bool) map[string]any {
	given, family := u.names()
	d := map[string]any{
		"kind": "admin#directory#user", "id": numberOf(u.Email), "etag": etag(u.Email, 0), "primaryEmail": u.Email,
		"name": map[string]any{"givenName": given, "familyName": family, "fullName": given + " " + family},
	}
	if !public {
		d["isAdmin"], d["suspended"], d["archived"], d["isMailboxSetup"] = u.Admin, u.Suspended, u.Archived, !u.NoMailbox
		d["isDelegatedAdmin"], d["customerId"], d["orgUnitPath"] = false, "C00000000", "/"
	}
	return d
}

// listMembers is the Directory API's members.list. Without includeDerivedMembership a group in the group is
// one member.
func (t *Tenant) listMembers(c call) answer {
	if who, _ := t.user(c.user()); !who.Admin {
		return refuse(http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api")
	}
	group := c.path["group"]
	if _, ok := t.groups[group]; !ok {
		return refuse(http.StatusNotFound, "notFound", "Resource Not Found: groupKey")
	}
	derived := c.query.Get("includeDerivedMembership") == "true"
	all, seen := []any{}, map[string]bool{group: true}
	var walk func(group string)
	walk = func(group string) {
		for _, m := range t.groups[group] {
			if seen[m] { // a group in itself, or somebody by two ways
				continue
			}
			seen[m] = true
			_, nested := t.groups[m]
			entry := map[string]any{"kind": "admin#directory#member", "id": numberOf(m), "etag": etag(m, 0), "email": m, "role": "MEMBER", "type": "USER", "status": "ACTIVE"}
			if nested {
				entry["type"] = "GROUP"
			}
			if u, _ := t.user(m); u.Suspended {
				entry["status"] = "SUSPENDED"
			}
			all = append(all, entry)
			if nested && derived {
				walk(m)
			}
		}
	}
	walk(group)
	n, ok := size(c.query, "maxResults", 200, 200)
	from, to, next, fits := t.page(c.query, min(n, t.DirectoryPage), len(all), group)
	if !ok || !fits {
		return refuse(http.StatusBadRequest, "invalid", "Invalid Input")
	}
	return page(map[string]any{"kind": "admin#directory#members", "etag": etag(group, len(all)), "members": all[from:to]}, next)
}

// listPeople is the People API's people.listDirectoryPeople: every user of the domain may ask, and nobody
// suspended is among the answers.
func (t *Tenant) listPeople(c call) answer {
	q := c.query
	bad := func(message string) answer {
		return answer{status: http.StatusBadRequest, body: map[string]any{"error": map[string]any{
			"code": http.StatusBadRequest, "message": message, "status": "INVALID_ARGUMENT",
		}}}
	}
	mask := map[string]bool{}
	for name := range strings.SplitSeq(q.Get("readMask"), ",") {
		if _, known := shapes["people.Person"][name]; !known {
			return bad("Invalid readMask mask path: \"" + name + "\".")
		}
		mask[name] = true
	}
	const profiles = "DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE"
	sources := q["sources"]
	if len(sources) == 0 {
		return bad("Must specify at least one source.")
	}
	var all []any
	for _, u := range t.users {
		if u.Suspended || u.Archived || !slices.Contains(sources, profiles) {
			continue
		}
		given, family := u.names()
		from := map[string]any{"primary": true, "verified": true, "source": map[string]any{"type": "DOMAIN_PROFILE", "id": numberOf(u.Email)}}
		p := map[string]any{"resourceName": "people/" + numberOf(u.Email), "etag": etag(u.Email, 0)}
		if mask["names"] {
			p["names"] = []any{map[string]any{"metadata": from, "displayName": given + " " + family, "givenName": given, "familyName": family}}
		}
		if mask["emailAddresses"] {
			p["emailAddresses"] = []any{map[string]any{"metadata": from, "value": u.Email}}
		}
		all = append(all, p)
	}
	n, ok := size(q, "pageSize", 100, 1000)
	from, to, next, fits := t.page(q, min(n, t.DirectoryPage), len(all), q.Get("readMask")+" "+strings.Join(sources, " "))
	if !ok || !fits {
		return bad("Invalid page token.")
	}
	body := map[string]any{"people": all[from:to]}
	if next == "" && q.Get("requestSyncToken") == "true" {
		body["nextSyncToken"] = seal("people." + strconv.Itoa(t.changes))
	}
	return page(body, next)
}

func domainOf(email string) string {
	_, domain, _ := strings.Cut(email, "@")
	return domain
}
