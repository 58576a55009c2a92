package fakegraph

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"example.com/syncd/internal/zones"
)

// shape is how a client wants its events.
type shape struct {
	immutable bool
	text      bool // bodies as text
	zone      string
	basic     bool // the permission is ReadBasic only: no bodies ("Calendars.ReadBasic.All")
}

// renderer writes a mailbox's items as Graph's event resources.
type renderer struct {
	t *Tenant
	m *mailbox
	shape
}

// clock is a time in the zone that was asked for: without an offset, with seven digits of fraction. The
// midnights of an all-day entry bear the zone's name and are not shifted.
func (r renderer) clock(at time.Time, allDay bool) map[string]any {
	name, loc := "UTC", time.UTC
	if r.zone != "" {
		name = r.zone
		if l, ok := zoneNamed(r.zone); ok && !allDay {
			loc = l
		}
	}
	return map[string]any{"dateTime": at.In(loc).Format("2006-01-02T15:04:05.0000000"), "timeZone": name}
}

func zoneNamed(name string) (*time.Location, bool) {
	if loc, ok := zones.Windows(name); ok {
		return loc, true
	}
	return zones.IANA(name)
}

// full is an item's instance with everything; a master is its first instance ever.
func (r renderer) full(it *item, i instance, kind string) map[string]any {
	row := r.t.content(it.Event, r.m.owner)
	if kind == "exception" {
		maps.Copy(row, it.Changed[i.n])
	}
	for key, value := range map[string]any{
		"createdDateTime": it.created.Format(time.RFC3339Nano), "lastModifiedDateTime": it.modified.Format(time.RFC3339Nano),
		"originalStartTimeZone": or(it.Zone, "UTC"), "originalEndTimeZone": or(it.Zone, "UTC"),
		"webLink": "https://outlook.office365.com/owa/?itemid=" + r.m.id(it, i.n, r.immutable) + "&exvsurl=1&path=/calendar/item",
	} {
		if _, said := row[key]; !said {
			row[key] = value
		}
	}
	id := r.m.id(it, i.n, r.immutable)
	row["id"], row["type"] = id, kind
	row["changeKey"] = changeKey(it, i.n)
	row["@odata.etag"] = `W/"` + changeKey(it, i.n) + `"`
	row["start"], row["end"] = r.clock(i.start, it.AllDay), r.clock(i.end(), it.AllDay)
	row["transactionId"], row["seriesMasterId"], row["recurrence"], row["occurrenceId"] = nil, nil, nil, nil
	row["uid"] = it.iCalUID(time.Time{})
	row["iCalUId"] = it.iCalUID(it.Instance)
	if it.pattern() != nil {
		if kind == "seriesMaster" {
			row["recurrence"] = it.recurrence()
		} else {
			row["iCalUId"] = it.iCalUID(i.original)
			row["seriesMasterId"] = r.m.id(it, -1, r.immutable)
			row["originalStart"] = i.original.Format(time.RFC3339)
			row["occurrenceId"] = "OID." + r.m.id(it, -1, r.immutable) + "." + i.original.In(it.location()).Format(time.DateOnly)
		}
	}
	body, _ := row["body"].(map[string]any)
	content, _ := body["content"].(string)
	if body["contentType"] == "html" {
		row["bodyPreview"] = preview(plain(content))
		if r.text {
			row["body"] = map[string]any{"contentType": "text", "content": plain(content)}
		}
	} else {
		row["bodyPreview"] = preview(content)
	}
	if r.basic {
		delete(row, "body")
		delete(row, "bodyPreview")
		delete(row, "hasAttachments")
	}
	return row
}

func changeKey(it *item, n int) string {
	return fmt.Sprintf("hVr%016xAAA%dQ==", sum(it.key, n), it.version)
}

// preview is the beginning of a body ("bodyPreview": the first 255 characters).
func preview(s string) string {
	if r := []rune(s); len(r) > 255 {
		return string(r[:255])
	}
	return s
}

// kindOf is the type of an item's instance.
func (it *item) kindOf(i instance) string {
	switch {
	case i.n < 0:
		return "singleInstance"
	case i.exception:
		return "exception"
	}
	return "occurrence"
}

// window are the full instances of an item in a window.
func (r renderer) window(it *item, from, to time.Time) []map[string]any {
	var rows []map[string]any
	for _, i := range it.instances(from, to) {
		rows = append(rows, r.full(it, i, it.kindOf(i)))
	}
	return rows
}

// master is a series itself. Its times are those of its first occurrence, which may be long past
// (keeper.sh#409).
func (r renderer) master(it *item) map[string]any {
	return r.full(it, instance{n: -1, original: it.Start, start: it.Start, length: it.Length}, "seriesMaster")
}

// reduced is an occurrence in delta's form: with times and nothing else (docs#7632, docs#3196).
func reduced(row map[string]any) map[string]any {
	out := map[string]any{"@odata.type": "#microsoft.graph.event"}
	for _, key := range []string{"@odata.etag", "id", "seriesMasterId", "type", "start", "end"} {
		out[key] = row[key]
	}
	return out
}

// sparse is an exception without the fields that are as the master's.
func sparse(row, master map[string]any) map[string]any {
	out := maps.Clone(row)
	for _, key := range []string{"subject", "body", "bodyPreview", "attendees", "organizer", "sensitivity", "showAs", "isCancelled", "location", "locations", "onlineMeeting", "isOnlineMeeting", "onlineMeetingProvider", "responseStatus", "hideAttendees", "isAllDay"} {
		if reflect.DeepEqual(row[key], master[key]) {
			delete(out, key)
		}
	}
	return out
}

// eventFields are the properties that can be selected ("event resource type", v1.0; uid and occurrenceId
// come along unselected).
var eventFields = strings.Fields(`allowNewTimeProposals attendees body bodyPreview cancelledOccurrences categories changeKey
	createdDateTime end hasAttachments hideAttendees iCalUId id importance isAllDay isCancelled isDraft isOnlineMeeting
	isOrganizer isReminderOn lastModifiedDateTime location locations onlineMeeting onlineMeetingProvider onlineMeetingUrl
	organizer originalEndTimeZone originalStart originalStartTimeZone recurrence reminderMinutesBeforeStart
	responseRequested responseStatus sensitivity seriesMasterId showAs start subject transactionId type webLink`)

// selected cuts rows down to what $select names; the id and the etag always come.
func selected(rows []map[string]any, fields string) ([]map[string]any, *answer) {
	if fields == "" {
		return rows, nil
	}
	keep := []string{"@odata.etag", "id"}
	for f := range strings.SplitSeq(fields, ",") {
		f = strings.TrimSpace(f)
		if !slices.Contains(eventFields, f) {
			bad := refuse(400, "RequestBroker--ParseUri", "Could not find a property named '"+f+"' on type 'Microsoft.OutlookServices.Event'.")
			return nil, &bad
		}
		keep = append(keep, f)
	}
	out := make([]map[string]any, 0, len(rows))
	for _, row := range rows {
		one := map[string]any{}
		for _, k := range keep {
			if v, ok := row[k]; ok {
				one[k] = v
			}
		}
		out = append(out, one)
	}
	return out, nil
}
