package ics

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits on recurrences.
const (
	maxRule      = 1000    // characters of an RRULE
	maxList      = 50      // values of one of its lists
	maxTimes     = 100     // times of day that BYHOUR, BYMINUTE and BYSECOND make
	maxInstances = 2000    // of one expansion
	maxSteps     = 200_000 // days and periods that one expansion may look at
)

// ErrRule is what is returned for a recurrence that is not expanded, with the reason.
var ErrRule = errors.New("the recurrence is not expanded")

// steps are what is left of maxSteps.
type steps int

func (s *steps) take(n int) error {
	if *s -= steps(n); *s < 0 {
		return fmt.Errorf("%w: over %d steps", ErrRule, maxSteps)
	}
	return nil
}

type freq int

const (
	daily freq = iota + 1
	weekly
	monthly
	yearly
)

// A rule is an RRULE (RFC 5545 section 3.3.10).
type rule struct {
	freq       freq
	interval   int
	count      int  // 0: not limited
	until      Time // none: not limited
	weekStart  time.Weekday
	byDay      []weekday
	months     []int
	weeks      []int
	yearDays   []int
	monthDays  []int
	hours      []int
	minutes    []int
	seconds    []int
	positions  []int
	dayInMonth bool // byDay's ordinals count within the month, not within the year
}

// A weekday is "MO", or "-1FR": the last one.
type weekday struct {
	n   int // 0: all
	day time.Weekday
}

var weekdays = map[string]time.Weekday{
	"SU": time.Sunday, "MO": time.Monday, "TU": time.Tuesday, "WE": time.Wednesday,
	"TH": time.Thursday, "FR": time.Friday, "SA": time.Saturday,
}

// parseRule reads an RRULE. Parts that it does not know are left out; what it knows and does not do is an
// error.
func parseRule(s string) (*rule, error) {
	if len(s) > maxRule {
		return nil, fmt.Errorf("%w: it has %d characters", ErrRule, len(s))
	}
	r := &rule{interval: 1, weekStart: time.Monday}
	for part := range strings.SplitSeq(strings.ToUpper(s), ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if err := r.set(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRule, err)
		}
	}
	if r.freq == 0 {
		return nil, fmt.Errorf("%w: it has no FREQ", ErrRule)
	}
	if n := max(1, len(r.hours)) * max(1, len(r.minutes)) * max(1, len(r.seconds)); n > maxTimes {
		return nil, fmt.Errorf("%w: %d times a day", ErrRule, n)
	}
	return r, nil
}

func (r *rule) set(key, value string) (err error) {
	switch key {
	case "FREQ":
		r.freq = map[string]freq{"DAILY": daily, "WEEKLY": weekly, "MONTHLY": monthly, "YEARLY": yearly}[value]
		if r.freq == 0 {
			return fmt.Errorf("FREQ=%.20s", value)
		}
	case "RSCALE", "SKIP": // RFC 7529
		if value != "GREGORIAN" && value != "OMIT" {
			return fmt.Errorf("%s=%.20s", key, value)
		}
	case "INTERVAL":
		r.interval, err = number(value, 1, 10_000)
	case "COUNT":
		r.count, err = number(value, 1, 2_000_000_000)
	case "UNTIL":
		if r.until = parseTime(value); r.until.IsZero() {
			return fmt.Errorf("UNTIL=%.20s", value)
		}
	case "WKST":
		day, ok := weekdays[value]
		if !ok {
			return fmt.Errorf("WKST=%.20s", value)
		}
		r.weekStart = day
	case "BYDAY":
		r.byDay, err = parseDays(value)
	case "BYMONTH":
		r.months, err = list(key, value, 1, 12)
	case "BYWEEKNO":
		r.weeks, err = list(key, value, -53, 53)
	case "BYYEARDAY":
		r.yearDays, err = list(key, value, -366, 366)
	case "BYMONTHDAY":
		r.monthDays, err = list(key, value, -31, 31)
	case "BYHOUR":
		r.hours, err = list(key, value, 0, 23)
	case "BYMINUTE":
		r.minutes, err = list(key, value, 0, 59)
	case "BYSECOND":
		r.seconds, err = list(key, value, 0, 60)
	case "BYSETPOS":
		r.positions, err = list(key, value, -366, 366)
	}
	return err
}

// number reads a number. What is too small counts as the least: INTERVAL=0 is 1.
func number(s string, least, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n > most {
		return 0, fmt.Errorf("%.20q is not a number up to %d", s, most)
	}
	return max(n, least), nil
}

func list(key, s string, least, most int) ([]int, error) {
	var all []int
	for v := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil || n < least || n > most || n == 0 && least < 0 {
			return nil, fmt.Errorf("%s=%.20s", key, v)
		}
		if len(all) == maxList {
			return nil, fmt.Errorf("%s has over %d values", key, maxList)
		}
		all = append(all, n)
	}
	return all, nil
}

func parseDays(s string) ([]weekday, error) {
	var all []weekday
	for v := range strings.SplitSeq(s, ",") {
		v = strings.TrimSpace(v)
		day, ok := weekdays[v[max(0, len(v)-2):]]
		n, err := 0, error(nil)
		if len(v) > 2 {
			n, err = strconv.Atoi(v[:len(v)-2])
		}
		if !ok || err != nil || n < -53 || n > 53 || len(all) == maxList {
			return nil, fmt.Errorf("BYDAY=%.20s", s)
		}
		all = append(all, weekday{n, day})
	}
	return all, nil
}

// fill adds to r what it leaves to the series' start.
func (r *rule) fill(start Time) {
	r.dayInMonth = r.freq == monthly || len(r.months) > 0
	dayless := len(r.byDay)+len(r.monthDays)+len(r.yearDays) == 0
	switch {
	case !dayless:
	case r.freq == weekly, r.freq == yearly && len(r.weeks) > 0:
		r.byDay = []weekday{{0, start.wall.Weekday()}}
	case r.freq == monthly:
		r.monthDays = []int{start.wall.Day()}
	case r.freq == yearly:
		if len(r.months) == 0 {
			r.months = []int{int(start.wall.Month())}
		}
		r.monthDays = []int{start.wall.Day()}
	}
	if start.kind == date {
		r.hours, r.minutes, r.seconds = []int{0}, []int{0}, []int{0}
	}
	if r.hours == nil {
		r.hours = []int{start.wall.Hour()}
	}
	if r.minutes == nil {
		r.minutes = []int{start.wall.Minute()}
	}
	if r.seconds == nil {
		r.seconds = []int{start.wall.Second()}
	}
}

// isPast reports whether t, an occurrence, is behind UNTIL. A day as UNTIL is meant as a whole.
func (r *rule) isPast(t Time) bool {
	u := r.until
	switch {
	case u.kind == none:
		return false
	case u.kind == date || t.kind == date:
		return midnight(t.wall).After(midnight(u.wall))
	case u.kind == fixed && t.kind == fixed:
		return t.utc.After(u.utc)
	}
	return t.wall.After(u.wall)
}

// holds reports whether the day d fits all of r's lists of days.
func (r *rule) holds(d time.Time) bool {
	return (len(r.months) == 0 || slices.Contains(r.months, int(d.Month()))) &&
		(len(r.monthDays) == 0 || fits(r.monthDays, d.Day(), daysIn(d))) &&
		(len(r.yearDays) == 0 || fits(r.yearDays, d.YearDay(), yearLength(d.Year()))) &&
		(len(r.weeks) == 0 || r.freq != yearly || r.inWeeks(d)) &&
		(len(r.byDay) == 0 || slices.ContainsFunc(r.byDay, func(w weekday) bool { return r.isDay(d, w) }))
}

// fits reports whether the n-th of length is in the list, where -1 is the last.
func fits(list []int, n, length int) bool {
	return slices.Contains(list, n) || slices.Contains(list, n-length-1)
}

func (r *rule) isDay(d time.Time, w weekday) bool {
	if d.Weekday() != w.day {
		return false
	}
	if w.n == 0 || r.freq == daily || r.freq == weekly || len(r.weeks) > 0 {
		return true
	}
	n, length := d.YearDay(), yearLength(d.Year())
	if r.dayInMonth {
		n, length = d.Day(), daysIn(d)
	}
	if w.n > 0 {
		return (n-1)/7+1 == w.n
	}
	return (length-n)/7+1 == -w.n
}

// inWeeks: week 1 is the first with at least four days in its year (RFC 5545 section 3.3.10, BYWEEKNO).
func (r *rule) inWeeks(d time.Time) bool {
	first := func(year int) time.Time {
		jan4 := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
		return r.weekOf(jan4)
	}
	year := d.Year()
	if !d.Before(first(year + 1)) {
		year++
	} else if d.Before(first(year)) {
		year--
	}
	length := int(first(year+1).Sub(first(year)) / (7 * day))
	return fits(r.weeks, int(d.Sub(first(year))/(7*day))+1, length)
}

// weekOf is the first day of d's week.
func (r *rule) weekOf(d time.Time) time.Time {
	return d.AddDate(0, 0, -int(d.Weekday()-r.weekStart+7)%7)
}

func daysIn(d time.Time) int {
	return time.Date(d.Year(), d.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func yearLength(y int) int { return time.Date(y, 12, 31, 0, 0, 0, 0, time.UTC).YearDay() }

// daysOfYear are r's days in the year y.
func (r *rule) daysOfYear(y int, left *steps) ([]time.Time, error) {
	months := r.months
	if len(months) == 0 {
		months = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	}
	var all []time.Time
	for _, m := range slices.Compact(slices.Sorted(slices.Values(months))) {
		first := time.Date(y, time.Month(m), 1, 0, 0, 0, 0, time.UTC)
		days, err := r.daysFrom(first, daysIn(first), left)
		if err != nil {
			return nil, err
		}
		all = append(all, days...)
	}
	return all, nil
}

// daysFrom are r's days among n days.
func (r *rule) daysFrom(first time.Time, n int, left *steps) ([]time.Time, error) {
	if err := left.take(n); err != nil {
		return nil, err
	}
	var all []time.Time
	for i := range n {
		if d := first.AddDate(0, 0, i); r.holds(d) {
			all = append(all, d)
		}
	}
	return all, nil
}

// period is where the i-th period begins, counted from the one that start is in.
func (r *rule) period(start time.Time, i int) time.Time {
	d := midnight(start)
	switch r.freq {
	case daily:
		return d.AddDate(0, 0, i*r.interval)
	case weekly:
		return r.weekOf(d).AddDate(0, 0, 7*i*r.interval)
	case monthly:
		return time.Date(d.Year(), d.Month()+time.Month(i*r.interval), 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(d.Year()+i*r.interval, 1, 1, 0, 0, 0, 0, time.UTC)
}

// periodBefore is the number of a period that begins before t, and not long before.
func (r *rule) periodBefore(start, t time.Time) int {
	days := map[freq]int{daily: 1, weekly: 7, monthly: 31, yearly: 366}[r.freq]
	return max(0, int(t.Sub(start)/day)/(days*r.interval)-2)
}

// walls are r's times on the wall in the period that begins at first, in order.
func (r *rule) walls(first time.Time, left *steps) ([]time.Time, error) {
	var days []time.Time
	var err error
	switch r.freq {
	case daily:
		days, err = r.daysFrom(first, 1, left)
	case weekly:
		days, err = r.daysFrom(first, 7, left)
	case monthly:
		days, err = r.daysFrom(first, daysIn(first), left)
	default:
		days, err = r.daysOfYear(first.Year(), left)
	}
	if err != nil {
		return nil, err
	}
	if err := left.take(len(days) * len(r.hours) * len(r.minutes) * len(r.seconds)); err != nil {
		return nil, err
	}
	var all []time.Time
	for _, d := range days {
		for _, h := range r.hours {
			for _, m := range r.minutes {
				for _, s := range r.seconds {
					all = append(all, d.Add(time.Duration(h)*time.Hour+time.Duration(m)*time.Minute+time.Duration(s)*time.Second))
				}
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	all = slices.CompactFunc(all, time.Time.Equal)
	if len(r.positions) == 0 {
		return all, nil
	}
	var kept []time.Time
	for i, t := range all {
		if fits(r.positions, i+1, len(all)) {
			kept = append(kept, t)
		}
	}
	return kept, nil
}
