package fakegraph

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

var noWindow = refuse(400, "ErrorInvalidParameter", "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.")

// window is the one that the request names. An offset in it counts; without one it is in UTC, whatever
// zone Prefer names.
func (c *call) window() (from, to time.Time, ok bool) {
	from, ok1 := instant(c.query("startDateTime"))
	to, ok2 := instant(c.query("endDateTime"))
	return from, to, ok1 && ok2 && to.After(from)
}

func instant(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.9999999", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// longest is the longest window that calendarView takes.
const longest = 1825 * 24 * time.Hour

// view is plain calendarView: every occurrence whole.
func (c *call) view(at place) answer {
	from, to, ok := c.window()
	switch {
	case !ok:
		return noWindow
	case to.Sub(from) > longest:
		return refuse(400, "ErrorInvalidRequest", "Your request can't be completed. The range between the start and end dates is greater than the allowed range. Maximum number of days: 1825")
	}
	r := renderer{c.t, at.m, c.shape()}
	rows := []map[string]any{}
	for _, it := range at.m.in(at.calendar) {
		rows = append(rows, r.window(it, from, to)...)
	}
	return c.page(rows, "calendarView")
}

// page sorts, selects and cuts a list of events. Pages are counted off a list that goes on changing.
func (c *call) page(rows []map[string]any, kind string) answer {
	order := or(c.query("$orderby"), "start/dateTime")
	by, direction, _ := strings.Cut(order, " ")
	key, known := orders[strings.ToLower(by)]
	top, skip := 10, 0
	var err1, err2 error
	if s := c.query("$top"); s != "" {
		top, err1 = strconv.Atoi(s)
	} else if n, err := strconv.Atoi(c.prefer("odata.maxpagesize")); err == nil && n > 0 {
		top = min(n, 1000)
	}
	if s := c.query("$skip"); s != "" {
		skip, err2 = strconv.Atoi(s)
	}
	switch {
	case !known, direction != "" && direction != "asc" && direction != "desc":
		return refuse(400, "ErrorInvalidUrlQuery", "The OrderBy expression '"+order+"' is not supported.")
	case err1 != nil || top < 1 || top > 1000:
		return refuse(400, "ErrorInvalidUrlQuery", "The value of the $top query option must be between 1 and 1000.")
	case err2 != nil || skip < 0:
		return refuse(400, "ErrorInvalidUrlQuery", "The value of the $skip query option is invalid.")
	case c.query("$filter") != "" || c.query("$search") != "" || c.query("$expand") != "":
		return refuse(400, "ErrorInvalidUrlQuery", "fakegraph does not simulate $filter, $search and $expand on events.")
	}
	slices.SortStableFunc(rows, func(a, b map[string]any) int {
		n := strings.Compare(key(a), key(b))
		if direction == "desc" {
			return -n
		}
		return n
	})
	first := min(skip, len(rows))
	last := min(first+top, len(rows))
	value, bad := selected(rows[first:last], c.query("$select"))
	if bad != nil {
		return *bad
	}
	body := map[string]any{"@odata.context": c.base + "/v1.0/$metadata#users('" + url.PathEscape(c.path[len(c.path)-2]) + "')/" + kind, "value": append([]map[string]any{}, value...)}
	if last < len(rows) {
		body["@odata.nextLink"] = c.link(url.Values{
			"startDateTime": nil, "endDateTime": nil, "$select": nil, "$orderby": nil, "$top": {strconv.Itoa(top)}, "$skip": {strconv.Itoa(last)},
		})
	}
	return c.applied(answer{status: 200, body: body})
}

// orders are what $orderby takes.
var orders = map[string]func(map[string]any) string{
	"start/datetime":       func(r map[string]any) string { return when(r, "start") },
	"end/datetime":         func(r map[string]any) string { return when(r, "end") },
	"subject":              func(r map[string]any) string { s, _ := r["subject"].(string); return s },
	"lastmodifieddatetime": func(r map[string]any) string { s, _ := r["lastModifiedDateTime"].(string); return s },
	"createddatetime":      func(r map[string]any) string { s, _ := r["createdDateTime"].(string); return s },
}

func when(row map[string]any, key string) string {
	d, _ := row[key].(map[string]any)
	s, _ := d["dateTime"].(string)
	return s
}
