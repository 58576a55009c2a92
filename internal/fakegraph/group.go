package fakegraph

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Group is a security or Microsoft 365 group. Members are addresses of users, or ids of groups.
type Group struct {
	ID, Name, Mail string
	Members        []string
}

// SetGroup adds a group or replaces the one with that id, and returns its id.
func (t *Tenant) SetGroup(g Group) string {
	g.ID = or(g.ID, guid("group", g.Name))
	g.Members = slices.Clone(g.Members)
	t.set(func() {
		if old := t.group(g.ID); old != nil {
			*old = g
		} else {
			t.groups = append(t.groups, &g)
		}
		t.groupLog = append(t.groupLog, g.ID)
	})
	return g.ID
}

// RemoveGroup deletes a group.
func (t *Tenant) RemoveGroup(id string) {
	t.set(func() {
		t.groups = slices.DeleteFunc(t.groups, func(g *Group) bool { return g.ID == id })
		t.groupLog = append(t.groupLog, id)
	})
}

func (t *Tenant) group(id string) *Group {
	for _, g := range t.groups {
		if g.ID == id {
			return g
		}
	}
	return nil
}

func (g *Group) resource() map[string]any {
	row := map[string]any{
		"id": g.ID, "displayName": g.Name, "mail": nil, "mailEnabled": g.Mail != "", "securityEnabled": g.Mail == "",
		"groupTypes": []any{}, "description": nil, "mailNickname": strings.ReplaceAll(strings.ToLower(g.Name), " ", "-"),
	}
	if g.Mail != "" {
		row["mail"] = g.Mail
	}
	return row
}

var groupDefaults = []string{"id", "displayName", "mail", "mailEnabled", "securityEnabled", "groupTypes", "description", "mailNickname"}

// ofGroups is what lies below /groups.
func (c *call) ofGroups(rest []string) answer {
	if refused, ok := c.needs("GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"); !ok {
		return refused
	}
	switch {
	case len(rest) == 0:
		var rows []map[string]any
		for _, g := range c.t.groups {
			rows = append(rows, g.resource())
		}
		return c.directoryPage("groups", rows, groupDefaults)
	case strings.TrimSuffix(rest[0], "()") == "delta":
		return c.groupDelta()
	}
	g := c.t.group(rest[0])
	if g == nil {
		return refuse(404, "Request_ResourceNotFound", "Resource '"+rest[0]+"' does not exist or one of its queried reference-property objects are not present.")
	}
	if len(rest) == 1 {
		row := g.resource()
		row["@odata.context"] = c.base + "/v1.0/$metadata#groups/$entity"
		return answer{status: 200, body: row}
	}
	usersOnly := len(rest) == 3 && strings.EqualFold(rest[2], "microsoft.graph.user")
	var rows []map[string]any
	switch {
	case strings.EqualFold(rest[1], "members") && (len(rest) == 2 || usersOnly):
		rows = c.t.members(g, false, map[string]bool{})
	case strings.EqualFold(rest[1], "transitiveMembers") && (len(rest) == 2 || usersOnly):
		rows = c.t.members(g, true, map[string]bool{g.ID: true})
	default:
		return refuse(400, "BadRequest", "Resource not found for the segment '"+rest[1]+"'.")
	}
	// A cast is an advanced query ("Advanced query capabilities on Microsoft Entra ID objects").
	if usersOnly && (!strings.EqualFold(c.r.Header.Get("ConsistencyLevel"), "eventual") || c.query("$count") != "true") && c.query("$skiptoken") == "" {
		return refuse(400, "Request_UnsupportedQuery", "The specified filter to the reference property query is currently not supported.")
	}
	readable := c.grant.has("User.Read.All", "Directory.Read.All")
	kept := rows[:0]
	for _, row := range rows {
		if usersOnly && row["@odata.type"] != "#microsoft.graph.user" {
			continue
		}
		// Whoever may read members and not users gets little more than ids ("List group members").
		if !readable && row["@odata.type"] == "#microsoft.graph.user" {
			for key := range row {
				if key != "id" && key != "@odata.type" {
					row[key] = nil
				}
			}
		}
		kept = append(kept, row)
	}
	return c.directoryPage("directoryObjects", kept, userDefaults)
}

// members are a group's, or with those of the groups in it. A user comes once.
func (t *Tenant) members(g *Group, deep bool, seen map[string]bool) []map[string]any {
	var rows []map[string]any
	for _, name := range g.Members {
		if inner := t.group(name); inner != nil {
			if seen[inner.ID] {
				continue
			}
			seen[inner.ID] = true
			row := inner.resource()
			row["@odata.type"] = "#microsoft.graph.group"
			rows = append(rows, row)
			if deep {
				rows = append(rows, t.members(inner, true, seen)...)
			}
		} else if u := t.user(name); u != nil && !seen[u.ID] {
			seen[u.ID] = true
			row := u.resource()
			row["@odata.type"] = "#microsoft.graph.user"
			rows = append(rows, row)
		}
	}
	return rows
}

// directoryTokenLife is how long the delta tokens of directory objects are good ("Use delta query").
const directoryTokenLife = 7 * 24 * time.Hour

// groupDelta is GET /groups/delta ("group: delta") with members@delta: who is a member, and who of those
// that the link's round has seen is one no more. The link carries the round.
func (c *call) groupDelta() answer {
	position, since, known := 0, time.Time{}, ""
	if token := c.query("$deltatoken"); token != "" {
		m, ok := c.t.memberTokens[token]
		if !ok {
			return refuse(400, "Directory_ObjectNotFound", "Badly formed token.")
		}
		if position, since, known = m.position, m.made, token; c.t.Now().Sub(since) >= directoryTokenLife {
			return refuse(410, "Directory_ExpiredToken", "The delta token is expired.").with("Location", c.base+"/v1.0/groups/delta?$deltatoken=")
		}
	}
	value := []any{}
	now := map[string][]string{}
	for _, g := range c.t.groups {
		now[g.ID] = c.t.memberIDs(g)
	}
	for _, id := range c.t.touchedGroups(position) {
		g := c.t.group(id)
		if g == nil {
			if known != "" {
				value = append(value, map[string]any{"id": id, "@removed": map[string]any{"reason": "changed"}})
			}
			continue
		}
		row := g.resource()
		members := []any{}
		before := c.t.memberTokens[known].members[id]
		for _, m := range now[id] {
			if !slices.Contains(before, m) {
				members = append(members, map[string]any{"@odata.type": c.t.typeOf(m), "id": m})
			}
		}
		for _, m := range before {
			if !slices.Contains(now[id], m) {
				members = append(members, map[string]any{"@odata.type": c.t.typeOf(m), "id": m, "@removed": map[string]any{"reason": "deleted"}})
			}
		}
		if len(members) > 0 {
			row["members@delta"] = members
		}
		value = append(value, row)
	}
	name := fmt.Sprintf("g%d-%x", c.t.next(), sum("groups", len(c.t.groupLog)))
	c.t.memberTokens[name] = memberToken{len(c.t.groupLog), c.t.Now(), now}
	return answer{status: 200, body: map[string]any{
		"@odata.context": c.base + "/v1.0/$metadata#groups", "value": value,
		"@odata.deltaLink": c.link(url.Values{"$select": nil, "$deltatoken": {name}}),
	}}
}

// memberToken is what a round of groups/delta knew.
type memberToken struct {
	position int
	made     time.Time
	members  map[string][]string
}

func (t *Tenant) memberIDs(g *Group) []string {
	var ids []string
	for _, row := range t.members(g, false, map[string]bool{}) {
		ids = append(ids, row["id"].(string))
	}
	return ids
}

func (t *Tenant) typeOf(id string) string {
	if t.group(id) != nil {
		return "#microsoft.graph.group"
	}
	return "#microsoft.graph.user"
}

// touchedGroups are those that changed since, each once.
func (t *Tenant) touchedGroups(since int) []string {
	ids := slices.Clone(t.groupLog[min(since, len(t.groupLog)):])
	slices.Sort(ids)
	return slices.Compact(ids)
}
