package ics

import (
	"slices"
	"strings"
)

// bare are the properties of an event that say which one it is, in which version, and when it takes place. None has
// anything that people wrote.
var bare = []string{
	"UID", "RECURRENCE-ID", "SEQUENCE", "X-MICROSOFT-CDO-APPT-SEQUENCE", "DTSTAMP", "LAST-MODIFIED", "STATUS", "CLASS",
	"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE",
}

// Bare is an object of e alone, which is one of c's events, with nothing in it but which event it is, in which version,
// and when it takes place. Parse makes the same event of it, but for its people, texts and links. Times that are in no
// zone are then meant to be in the given one, unless that is "".
func (c *Calendar) Bare(e *Event, zone string) string {
	if p := e.Get("DTSTART"); c.zone != "" || p == nil || !e.Start.IsFloating() || p.Param("TZID") != "" {
		zone = strings.TrimSpace(c.zone)
	}
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\n")
	if zone != "" {
		(&Property{Name: "X-WR-TIMEZONE", Value: zone}).write(&b)
	}
	var named []string
	var kept []*Property
	for i := range e.Properties {
		p := &e.Properties[i]
		if !slices.Contains(bare, p.Name) || len(p.Value) > maxLine {
			continue
		}
		kept = append(kept, p)
		if id := zoneID(p.Param("TZID")); id != "" {
			named = append(named, strings.ToLower(id))
		}
	}
	if len(kept) > 0 {
		named = append(named, strings.ToLower(zone))
	}
	for _, z := range c.zones {
		if slices.Contains(named, strings.ToLower(zoneID(z.Text("TZID")))) {
			z.write(&b)
		}
	}
	b.WriteString("BEGIN:VEVENT\n")
	for _, p := range kept {
		p.write(&b)
	}
	b.WriteString("END:VEVENT\nEND:VCALENDAR\n")
	return b.String()
}

// bareZone are the properties by which a zone is defined.
var bareZone = []string{"TZID", "X-LIC-LOCATION", "DTSTART", "RRULE", "RDATE", "TZOFFSETFROM", "TZOFFSETTO"}

// write writes a definition of a zone, or an observance of one.
func (c *Component) write(b *strings.Builder) {
	b.WriteString("BEGIN:" + c.Name + "\n")
	for i := range c.Properties {
		if p := &c.Properties[i]; slices.Contains(bareZone, p.Name) {
			p.write(b)
		}
	}
	for _, sub := range c.Components {
		if sub.Name == "STANDARD" || sub.Name == "DAYLIGHT" {
			sub.write(b)
		}
	}
	b.WriteString("END:" + c.Name + "\n")
}

// write writes the line as it was read. Of a time in a zone like "tzone://…", the last colon is the one before the
// value; what went on behind a line break is no time, and must not have one.
func (p *Property) write(b *strings.Builder) {
	b.WriteString(p.Name)
	value := p.Value
	if p.params != "" {
		b.WriteString(";" + p.params)
	}
	if line, more, broken := strings.Cut(value, `\n`); broken && slices.Contains(times, p.Name) {
		value = line + `\n` + strings.ReplaceAll(more, ":", "")
	}
	b.WriteString(":" + value + "\n")
}
