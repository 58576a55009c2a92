// Package ics reads iCalendar objects (RFC 5545) as they are found in mail: leniently, within limits,
// and to the end of what matters here, which is when an event takes place, in UTC.
//
// A line that means nothing costs itself alone; so does a property. What can't be known is said to be
// unknown: a time in a zone that nobody defines is no time, not a time in UTC.
//
// Nothing here depends on the clock or on the machine's zone, and no input makes it slow: sizes are
// limited, and recurrences are expanded in counted steps.
package ics

import (
	"errors"
	"fmt"
	"strings"
)

// Limits on one object. What is beyond them is an error, or is dropped where the comment says so.
const (
	maxDepth       = 8       // components in components
	maxComponents  = 500     // in an object
	maxProperties  = 2000    // of a component, attendees apart
	maxAttendees   = 500     // kept of a component; the rest is counted
	maxLine        = 256_000 // bytes kept of a content line; the rest is dropped
	maxText        = 64_000  // bytes kept of a text value; the rest is dropped
	maxDates       = 1000    // of an event's RDATE, of its EXDATE, of an observance's RDATE
	maxObservances = 100     // of a VTIMEZONE
)

// ErrLimit is what is returned for an object that is beyond a limit.
var ErrLimit = errors.New("beyond what an invite may have")

// A Component is what stands between BEGIN and END.
type Component struct {
	Name       string // in upper case: "VEVENT"
	Properties []Property
	Components []*Component
	Attendees  int // how many ATTENDEE properties there were, kept or not
}

// Get is c's first property called name (in upper case), or nil.
func (c *Component) Get(name string) *Property {
	for i := range c.Properties {
		if c.Properties[i].Name == name {
			return &c.Properties[i]
		}
	}
	return nil
}

// Text is the value of c's first property called name, as text, or "".
func (c *Component) Text(name string) string {
	if p := c.Get(name); p != nil {
		return p.Text()
	}
	return ""
}

// A Calendar is one VCALENDAR.
type Calendar struct {
	Method string // in upper case: "REQUEST"; "" when it is not said
	Events []*Event

	zone  string       // X-WR-TIMEZONE
	zones []*Component // of the whole object
}

// Parse reads all calendars in b. Text around them is skipped, and what is cut off is closed. The error
// is ErrLimit; an object without a calendar is no error.
func Parse(b []byte) ([]*Calendar, error) {
	root, err := parseComponents(b)
	if err != nil {
		return nil, err
	}
	z := newResolver(root)
	var calendars []*Calendar
	var loose []*Component // events outside of a calendar
	for _, c := range root.Components {
		if c.Name == "VCALENDAR" {
			calendars = append(calendars, newCalendar(c, z))
		} else {
			loose = append(loose, c)
		}
	}
	if cal := newCalendar(&Component{Components: loose}, z); len(cal.Events) > 0 {
		calendars = append(calendars, cal)
	}
	return calendars, nil
}

func newCalendar(c *Component, z *resolver) *Calendar {
	cal := &Calendar{Method: strings.ToUpper(strings.TrimSpace(c.Text("METHOD"))), zone: c.Text("X-WR-TIMEZONE"), zones: z.defined}
	for e := range c.all("VEVENT") {
		cal.Events = append(cal.Events, newEvent(e, z.in(c)))
	}
	return cal
}

// all are the components called name in c, at any depth, in order.
func (c *Component) all(name string) func(yield func(*Component) bool) {
	return func(yield func(*Component) bool) { c.walk(name, yield) }
}

func (c *Component) walk(name string, yield func(*Component) bool) bool {
	for _, k := range c.Components {
		if k.Name == name && !yield(k) || !k.walk(name, yield) {
			return false
		}
	}
	return true
}

// parseComponents builds the tree of b. Its root has no name.
func parseComponents(b []byte) (*Component, error) {
	p := &parser{stack: []*Component{{}}}
	for line := range unfold(toUTF8(b)) {
		if err := p.line(line); err != nil {
			return nil, err
		}
	}
	p.flush()
	return p.stack[0], nil
}

type parser struct {
	stack []*Component // open components, the root first
	count int          // components so far
	more  []byte       // to go behind the value of the last property
}

func (p *parser) line(l string) error {
	if strings.TrimSpace(l) == "" {
		return nil
	}
	prop, ok := splitLine(l)
	if !ok {
		// A text with line breaks in it that nobody escaped or folded goes on.
		if len(p.more) < maxLine {
			p.more = append(append(p.more, `\n`...), l...)
		}
		return nil
	}
	p.flush()
	top := p.stack[len(p.stack)-1]
	switch {
	case prop.Name == "BEGIN":
		return p.begin(strings.ToUpper(strings.TrimSpace(prop.Value)))
	case prop.Name == "END":
		p.end(strings.ToUpper(strings.TrimSpace(prop.Value)))
	case len(p.stack) == 1: // text before the calendar
	case prop.Name == "ATTENDEE":
		if top.Attendees++; top.Attendees <= maxAttendees {
			top.Properties = append(top.Properties, prop)
		}
	case len(top.Properties) >= maxProperties+maxAttendees:
		return fmt.Errorf("a component of over %d properties: %w", maxProperties, ErrLimit)
	default:
		top.Properties = append(top.Properties, prop)
	}
	return nil
}

func (p *parser) flush() {
	top := p.stack[len(p.stack)-1]
	if n := len(top.Properties); n > 0 && len(p.more) > 0 {
		top.Properties[n-1].Value += string(p.more)
	}
	p.more = p.more[:0]
}

func (p *parser) begin(name string) error {
	if len(p.stack) > maxDepth {
		return fmt.Errorf("components %d deep: %w", len(p.stack), ErrLimit)
	}
	if p.count++; p.count > maxComponents {
		return fmt.Errorf("over %d components: %w", maxComponents, ErrLimit)
	}
	c := &Component{Name: name}
	top := p.stack[len(p.stack)-1]
	top.Components = append(top.Components, c)
	p.stack = append(p.stack, c)
	return nil
}

// end closes the innermost component of this name and what is open in it; if there is none, the line
// means nothing.
func (p *parser) end(name string) {
	for i := len(p.stack) - 1; i > 0; i-- {
		if p.stack[i].Name == name {
			p.stack = p.stack[:i]
			return
		}
	}
}
