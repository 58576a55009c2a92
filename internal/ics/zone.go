package ics

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/syncd/internal/zones"
)

// A Zone tells the offset from UTC at any time: by a VTIMEZONE (RFC 5545 section 3.6.5), or as the time
// zone database has it. It remembers years, so it is not for concurrent use.
type Zone struct {
	name        string // IANA name, if there is one that says the same
	location    *time.Location
	observances []observance
	years       map[int][]transition
	before      map[int]int // offsets of years that have no onset near them
	steps       steps       // left for rules; then they say nothing more
}

// An observance is a STANDARD or DAYLIGHT part of a VTIMEZONE.
type observance struct {
	start    time.Time // on the wall
	from, to int       // seconds east of UTC, before and after its onset
	rule     *rule     // nil if it has none
	dates    []time.Time
}

// A transition is the onset of an observance.
type transition struct {
	at       int64 // Unix seconds
	from, to int
}

// utc is the instant at which z's clocks show wall, as RFC 5545 section 3.3.5 has it: the first of two;
// for a time that is left out, what it would be with the offset before the gap.
func (z *Zone) utc(wall time.Time) time.Time {
	t := wall.Unix()
	before, after := z.offset(t-86400), z.offset(t+86400)
	first := t - int64(before)
	if z.offset(first) == before {
		return time.Unix(first, 0).UTC()
	}
	if second := t - int64(after); z.offset(second) == after {
		return time.Unix(second, 0).UTC()
	}
	return time.Unix(first, 0).UTC()
}

// offset is how far z is east of UTC at the instant t, in seconds.
func (z *Zone) offset(t int64) int {
	if z.location != nil {
		_, o := time.Unix(t, 0).In(z.location).Zone()
		return o
	}
	y := time.Unix(t, 0).UTC().Year()
	for _, year := range []int{y + 1, y, y - 1} { // an onset's local year may be the next one
		for _, tr := range slices.Backward(z.year(year)) {
			if tr.at <= t {
				return tr.to
			}
		}
	}
	o, ok := z.before[y]
	if !ok {
		o = z.offsetBefore(t, y-1)
		z.before[y] = o
	}
	return o
}

// year are the onsets within the local year y, in order.
func (z *Zone) year(y int) []transition {
	if ts, ok := z.years[y]; ok {
		return ts
	}
	var ts []transition
	for _, o := range z.observances {
		for _, onset := range o.onsets(y, &z.steps) {
			ts = append(ts, transition{onset.Unix() - int64(o.from), o.from, o.to})
		}
	}
	slices.SortStableFunc(ts, func(a, b transition) int { return int(min(max(a.at-b.at, -1), 1)) })
	z.years[y] = ts
	return ts
}

// onsets are the wall times at which o begins in the year y, by the offset before.
func (o observance) onsets(y int, left *steps) []time.Time {
	var all []time.Time
	if o.start.Year() == y {
		all = append(all, o.start)
	}
	for _, d := range o.dates {
		if d.Year() == y {
			all = append(all, d)
		}
	}
	r := o.rule
	if r == nil || o.start.Year() > y || (y-o.start.Year())%r.interval != 0 {
		return all
	}
	if r.count > 0 && (y-o.start.Year())/r.interval >= r.count {
		return all
	}
	days, err := r.daysOfYear(y, left)
	if err != nil {
		return all
	}
	for _, d := range days {
		onset := d.Add(o.start.Sub(midnight(o.start)))
		if onset.After(o.start) && !r.isPast(Time{kind: fixed, wall: onset, utc: onset.Add(-time.Duration(o.from) * time.Second)}) {
			all = append(all, onset)
		}
	}
	return all
}

// offsetBefore is the offset at t when there was no onset in the years before t: that of the observance
// that began last, or what was before the first one.
func (z *Zone) offsetBefore(t int64, y int) int {
	var last, first *transition
	consider := func(o observance, onset time.Time) {
		tr := transition{onset.Unix() - int64(o.from), o.from, o.to}
		if tr.at <= t && (last == nil || tr.at >= last.at) {
			last = &tr
		}
		if first == nil || tr.at < first.at {
			first = &tr
		}
	}
	for _, o := range z.observances {
		consider(o, o.start)
		for _, d := range o.dates {
			consider(o, d)
		}
		if o.rule == nil {
			continue
		}
		// A rule that has ended: its last onset is in one of the years before its end.
		end := y
		if !o.rule.until.IsZero() {
			end = min(end, o.rule.until.wall.Year()+1)
		}
		if o.rule.count > 0 {
			end = min(end, o.start.Year()+o.rule.count*o.rule.interval)
		}
		for year := end; year > end-10 && year >= o.start.Year(); year-- {
			for _, onset := range o.onsets(year, &z.steps) {
				consider(o, onset)
			}
		}
	}
	switch {
	case last != nil:
		return last.to
	case first != nil:
		return first.from
	}
	return 0
}

// newZone reads a VTIMEZONE; it is nil if nothing of it can be used.
func newZone(c *Component) *Zone {
	z := &Zone{years: map[int][]transition{}, before: map[int]int{}, steps: maxSteps}
	dates := 0
	for _, k := range c.Components {
		if (k.Name == "STANDARD" || k.Name == "DAYLIGHT") && len(z.observances) < maxObservances {
			if o, ok := newObservance(k); ok && dates+len(o.dates) <= maxDates {
				dates += len(o.dates)
				z.observances = append(z.observances, o)
			}
		}
	}
	if len(z.observances) == 0 {
		return nil
	}
	return z
}

func newObservance(c *Component) (observance, bool) {
	start := parseTime(c.Text("DTSTART"))
	to, ok := parseOffset(c.Text("TZOFFSETTO"))
	if start.IsZero() || !ok {
		return observance{}, false
	}
	o := observance{start: start.wall, from: to, to: to}
	if from, ok := parseOffset(c.Text("TZOFFSETFROM")); ok {
		o.from = from
	}
	if p := c.Get("RRULE"); p != nil {
		if r, err := parseRule(p.Value); err == nil && r.freq == yearly {
			r.fill(start)
			o.rule = r
		}
	}
	for i := range c.Properties {
		if c.Properties[i].Name != "RDATE" {
			continue
		}
		for v := range strings.SplitSeq(c.Properties[i].Value, ",") {
			if t := parseTime(v); !t.IsZero() && len(o.dates) < maxDates {
				o.dates = append(o.dates, t.wall)
			}
		}
	}
	return o, true
}

// parseOffset reads a UTC-OFFSET (RFC 5545 section 3.3.14), in seconds.
func parseOffset(s string) (int, bool) {
	s = strings.ReplaceAll(strings.TrimSpace(s), ":", "")
	if len(s) != 5 && len(s) != 7 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	n := 0
	for i, unit := 1, 3600; i < len(s); i, unit = i+2, unit/60 {
		v, err := strconv.ParseUint(s[i:i+2], 10, 8)
		if err != nil {
			return 0, false
		}
		n += int(v) * unit
	}
	if s[0] == '-' {
		n = -n
	}
	return n, n > -day26 && n < day26
}

const day26 = 26 * 3600 // no zone is farther from UTC

// A resolver finds the zones that an object's times name.
type resolver struct {
	own      map[string]*Zone // by TZID, and by TZID in lower case
	names    map[string]*Zone // what was found elsewhere; nil: nowhere
	fallback string           // X-WR-TIMEZONE of the calendar
	defined  []*Component     // the object's VTIMEZONEs
}

func newResolver(root *Component) *resolver {
	r := &resolver{own: map[string]*Zone{}, names: map[string]*Zone{}}
	for c := range root.all("VTIMEZONE") {
		id := zoneID(c.Text("TZID"))
		if id == "" {
			continue
		}
		r.defined = append(r.defined, c)
		z, alias := newZone(c), named(strings.TrimSpace(c.Text("X-LIC-LOCATION")))
		if z == nil {
			z = alias
		} else {
			z.call(alias, named(id))
		}
		if z == nil {
			continue
		}
		for _, key := range []string{id, strings.ToLower(id)} {
			if r.own[key] == nil {
				r.own[key] = z
			}
		}
	}
	return r
}

// call gives z the name of the first of the aliases that says the same throughout the years 2024 to
// 2029. The name is for people; z itself says what the time is.
func (z *Zone) call(aliases ...*Zone) {
	for _, a := range aliases {
		if a == nil || a.location == nil {
			continue
		}
		same := true
		for t := time.Date(2024, 1, 10, 12, 0, 0, 0, time.UTC); same && t.Year() < 2030; t = t.AddDate(0, 0, 17) {
			same = z.offset(t.Unix()) == a.offset(t.Unix())
		}
		if same {
			z.name = a.name
			return
		}
	}
}

// in is r for the calendar c.
func (r *resolver) in(c *Component) *resolver {
	return &resolver{own: r.own, names: r.names, defined: r.defined, fallback: strings.TrimSpace(c.Text("X-WR-TIMEZONE"))}
}

func zoneID(s string) string { return strings.Trim(s, "\" \t") }

// zone is the zone called id: the object's own definition, else one that is known by that name, else the
// calendar's. It is nil when there is none: which one was meant is then not to be guessed.
func (r *resolver) zone(id string) *Zone {
	for _, name := range []string{zoneID(id), r.fallback} {
		if name == "" {
			continue
		}
		for _, key := range []string{name, strings.ToLower(name)} {
			if z := r.own[key]; z != nil {
				return z
			}
		}
		z, known := r.names[name]
		if !known {
			z = named(name)
			r.names[name] = z
		}
		if z != nil {
			return z
		}
	}
	return nil
}

// named is the zone that is known as id everywhere, or nil.
func named(id string) *Zone {
	if id == "" || len(id) > 200 {
		return nil
	}
	if loc, ok := zones.IANA(id); ok {
		return &Zone{name: loc.String(), location: loc}
	}
	if loc, ok := zones.Windows(id); ok {
		return &Zone{name: loc.String(), location: loc}
	}
	// Some writers make globally unique ids: /mozilla.org/20050126_1/Europe/Berlin.
	if rest, ok := strings.CutPrefix(id, "/"); ok {
		for rest != "" {
			if loc, ok := zones.IANA(rest); ok {
				return &Zone{name: loc.String(), location: loc}
			}
			_, rest, _ = strings.Cut(rest, "/")
		}
	}
	upper := strings.ToUpper(id)
	if upper == "TZONE://MICROSOFT/UTC" || upper == "Z" {
		return &Zone{name: "UTC", location: time.UTC}
	}
	for _, prefix := range []string{"GMT", "UTC"} {
		if rest, ok := strings.CutPrefix(upper, prefix); ok {
			if o, ok := parseOffset(rest); ok {
				return &Zone{location: time.FixedZone(upper, o)}
			}
		}
	}
	return nil
}
