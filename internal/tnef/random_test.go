package tnef

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"
)

// texts are of letters, numbers, marks and spaces of any script.
func texts(most int) *rapid.Generator[string] {
	runes := rapid.OneOf(rapid.RuneFrom(nil, unicode.L, unicode.N, unicode.P, unicode.S), rapid.SampledFrom([]rune(` ,;:\"^'<>`)))
	return rapid.StringOfN(runes, 0, most, -1)
}

func addresses() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-z][a-z0-9.+_-]{0,20}@[a-z]{1,10}\.example`)
}

// TestRoundTrip: what a meeting is made from is what internal/ics finds in its calendar.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subject, place, name := texts(200).Draw(t, "subject"), texts(50).Draw(t, "location"), texts(30).Draw(t, "name")
		text := strings.Join(rapid.SliceOfN(texts(100), 0, 20).Draw(t, "lines"), "\r\n")
		data := rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "data")
		sequence := rapid.IntRange(0, 1<<31-1).Draw(t, "sequence")
		start := at("2000-01-01 00:00").Add(time.Duration(rapid.IntRange(0, 40*365*1440).Draw(t, "start")) * time.Minute)
		end := start.Add(time.Duration(rapid.IntRange(1, 20_000).Draw(t, "minutes")) * time.Minute)
		zone := rapid.SampledFrom(windowsZones).Draw(t, "zone")
		wholeDay := rapid.Bool().Draw(t, "whole day")
		status := rapid.IntRange(0, 4).Draw(t, "busy")
		wantStart, wantEnd := start.Format(time.RFC3339), end.Format(time.RFC3339)
		if wholeDay {
			start = midnight(start)
			end = start.AddDate(0, 0, rapid.IntRange(1, 10).Draw(t, "days"))
			wantStart, wantEnd = start.Format(time.DateOnly), end.Format(time.DateOnly)
			start, end = inZone(t, zone.iana, start), inZone(t, zone.iana, end)
		}
		from := addresses().Draw(t, "organizer")
		type guest struct {
			kind, response   int
			name, email      string
			wide, longerType bool
		}
		guests := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) guest {
			return guest{rapid.IntRange(1, 3).Draw(t, "kind"), rapid.IntRange(0, 5).Draw(t, "response"), texts(30).Draw(t, "name"), addresses().Draw(t, "email"), rapid.Bool().Draw(t, "wide"), rapid.Bool().Draw(t, "ex")}
		}), 0, 10).Draw(t, "guests")
		if strings.TrimSpace(text) == "" { // which says nothing
			text = ""
		}
		var rows [][]property
		var want []string
		for _, g := range guests {
			row := invited(uint32(g.kind), g.name, g.email, tag(0x5fff, ptInt32, number(uint32(g.response))))
			if !g.wide {
				row[3] = tag(0x3003, ptString8, string8(g.email))
			}
			if g.longerType {
				row[2], row[3] = tag(0x3002, ptUnicode, wideText("EX")), tag(0x3003, ptUnicode, wideText("/o=globex/cn="+g.email))
				row = append(row, tag(0x39fe, ptUnicode, wideText(g.email)))
			}
			rows = append(rows, row)
			if g.email != from {
				want = append(want, fmt.Sprint(g.email, " ", strings.TrimSpace(g.name), " ", roles[g.kind], " ", map[int]string{2: "TENTATIVE", 3: "ACCEPTED", 4: "DECLINED"}[g.response]))
			}
		}
		p := []property{
			id(objectID(time.Time{}, data)), lid(setAppointment, 0x8201, ptInt32, number(uint32(sequence))),
			tag(0x0037, ptUnicode, wideText(subject)), lid(setAppointment, 0x8208, ptUnicode, wideText(place)), tag(0x1000, ptUnicode, wideText(text)),
			lid(setAppointment, 0x820d, ptTime, instant(start)), lid(setAppointment, 0x820e, ptTime, instant(end)),
			lid(setAppointment, 0x8215, ptBool, boolean(wholeDay)), lid(setAppointment, 0x825e, ptBinary, one(zone.definition())),
			lid(setAppointment, 0x8205, ptInt32, number(uint32(status))),
			tag(0x0042, ptUnicode, wideText(name)), tag(0x0065, ptUnicode, wideText(from)), tag(0x0064, ptString8, string8("SMTP")),
			// What means nothing here is stepped over, whatever its type.
			tag(0x6001, 0x0014, make([]byte, 8)), tag(0x6002, 0x1003, append(le32(3), make([]byte, 12)...)), tag(0x6003, 0x0048, make([]byte, 16)),
			tag(0x6004, 0x1102, append(le32(2), append(one([]byte("abcde"))[4:], one([]byte("f"))[4:]...)...)), tag(0x6005, 0x0005, make([]byte, 8)),
		}
		p = rapid.Permutation(p).Draw(t, "order")
		b, err := Calendar(newEncoder().class("IPM.Microsoft Schedule.MtgReq").properties(p...).recipients(rows...).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		e := valid(t, b)[0]
		var people []string
		for _, p := range e.People() {
			response := p.Response
			if response == "NEEDS-ACTION" {
				response = ""
			}
			people = append(people, fmt.Sprint(p.Email, " ", p.Name, " ", p.Role, " ", response))
		}
		for _, c := range []struct{ what, got, want string }{
			{"UID", e.UID, strings.ToUpper(fmt.Sprintf("%x", objectID(time.Time{}, data)))},
			{"SEQUENCE", fmt.Sprint(e.Sequence), fmt.Sprint(sequence)},
			{"DTSTART", e.Start.String(), wantStart}, {"DTEND", e.End.String(), wantEnd}, {"problem", e.Problem, ""},
			{"SUMMARY", e.Text("SUMMARY"), strings.TrimSpace(subject)}, {"LOCATION", e.Text("LOCATION"), strings.TrimSpace(place)},
			{"DESCRIPTION", e.Text("DESCRIPTION"), strings.ReplaceAll(text, "\r\n", "\n")},
			{"organizer", e.Organizer().Name + " " + e.Organizer().Email, strings.TrimSpace(name) + " " + from},
			{"people", strings.Join(people, "\n"), strings.Join(want, "\n")},
			{"busy", e.Text("X-MICROSOFT-CDO-BUSYSTATUS"), busy[status]},
		} {
			if c.got != c.want {
				t.Fatalf("%s: %q, want %q, in\n%s", c.what, c.got, c.want, b)
			}
		}
	})
}

// inZone is the instant at which a clock there shows wall.
func inZone(t *rapid.T, name string, wall time.Time) time.Time {
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, loc).UTC()
}

// has reports whether p has an occurrence on the day d, not before the day of first: by what Outlook says
// of its patterns, day by day.
func (p pattern) has(first, d time.Time) bool {
	days := int(d.Sub(first) / (24 * time.Hour))
	months := (d.Year()-first.Year())*12 + int(d.Month()-first.Month())
	lastDay := time.Date(d.Year(), d.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	inMask := func(d time.Time) bool { return p.own[0]&(1<<d.Weekday()) != 0 }
	switch p.kind {
	case 0:
		return days%(int(p.period)/1440) == 0
	case 1:
		back := (int(first.Weekday()) - int(p.firstDay) + 7) % 7
		return (days+back)/7%int(p.period) == 0 && inMask(d)
	case 2, 4:
		return months%int(p.period) == 0 && d.Day() == min(int(p.own[0]), lastDay)
	}
	var those []int
	for day := 1; day <= lastDay; day++ {
		if inMask(time.Date(d.Year(), d.Month(), day, 0, 0, 0, 0, time.UTC)) {
			those = append(those, day)
		}
	}
	n := int(p.own[1])
	if n == 5 {
		n = len(those)
	}
	return months%int(p.period) == 0 && n >= 1 && n <= len(those) && those[n-1] == d.Day()
}

func patterns() *rapid.Generator[pattern] {
	return rapid.Custom(func(t *rapid.T) pattern {
		p := pattern{firstDay: uint32(rapid.IntRange(0, 6).Draw(t, "first day")), count: uint32(rapid.IntRange(1, 25).Draw(t, "count"))}
		mask := uint32(rapid.IntRange(1, 127).Draw(t, "mask"))
		n := uint32(rapid.IntRange(1, 4).Draw(t, "n"))
		every := uint32(rapid.IntRange(1, 4).Draw(t, "every"))
		switch p.kind = rapid.SampledFrom([]uint16{0, 1, 2, 3, 4}).Draw(t, "kind"); p.kind {
		case 0:
			p.frequency, p.period = 0x200a, 1440*every
		case 1:
			p.frequency, p.period, p.own = 0x200b, every, []uint32{mask}
		case 2:
			p.frequency, p.period, p.own = 0x200c, every, []uint32{uint32(rapid.OneOf(rapid.IntRange(1, 28), rapid.IntRange(29, 31)).Draw(t, "day"))}
		case 3:
			p.frequency, p.period, p.own = 0x200c, every, []uint32{mask, rapid.SampledFrom([]uint32{n, 5}).Draw(t, "which")}
		case 4:
			p.frequency, p.period, p.own = 0x200c, every, []uint32{31}
		}
		if p.kind >= 2 && rapid.Bool().Draw(t, "yearly") {
			p.frequency, p.period = 0x200d, 12*min(every, 2)
		}
		// Times that the clocks leave out or show twice are in the night.
		p.start = at("2026-01-01 00:00").AddDate(0, 0, rapid.IntRange(0, 800).Draw(t, "day")).Add(time.Duration(rapid.IntRange(5*60, 23*60).Draw(t, "minute")) * time.Minute)
		p.length = time.Duration(rapid.IntRange(1, 3*1440).Draw(t, "length")) * time.Minute
		p.byDate = rapid.Bool().Draw(t, "by date")
		return p
	})
}

// TestRecurrence: a series recurs when a count of days says it does, as each zone's clocks go.
func TestRecurrence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := patterns().Draw(t, "pattern")
		zone := rapid.SampledFrom(windowsZones).Draw(t, "zone")
		wholeDay := rapid.Bool().Draw(t, "whole day")
		clock := p.start.Sub(midnight(p.start))
		if wholeDay {
			clock, p.length = 0, 24*time.Hour*time.Duration(1+p.length/(24*time.Hour))
		}
		first := midnight(p.start)
		for !p.has(first, first) {
			first = first.AddDate(0, 0, 1)
		}
		var days []time.Time
		for d := first; len(days) < int(p.count); d = d.AddDate(0, 0, 1) {
			if p.has(first, d) {
				days = append(days, d)
			}
		}
		p.start, p.last = first.Add(clock), days[len(days)-1]
		var want []string
		show := func(start, end time.Time, subject string) {
			if wholeDay {
				want = append(want, start.Format(time.DateOnly)+" "+end.Format(time.DateOnly)+" "+subject)
				return
			}
			want = append(want, inZone(t, zone.iana, start).Format(time.RFC3339)+" "+inZone(t, zone.iana, end).Format(time.RFC3339)+" "+subject)
		}
		length := p.length % (18 * time.Hour)
		if length == 0 {
			length = time.Hour
		}
		if p.length = length; wholeDay {
			p.length = 24 * time.Hour
		}
		for i, d := range days {
			start := d.Add(clock)
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				if i > 0 { // Outlook moves the start of what has lost its first
					p.deleted = append(p.deleted, start)
					continue
				}
			case 1:
				c := changed{original: start, start: start, end: start.Add(p.length), busy: int32(rapid.IntRange(-1, 2).Draw(t, "busy"))}
				if !wholeDay {
					c.start, c.end = midnight(start).Add(6*time.Hour), midnight(start).Add(7*time.Hour)
				}
				c.subject = rapid.SampledFrom([]string{"", "Elsewhere"}).Draw(t, "subject")
				c.location = rapid.SampledFrom([]string{"", "Room 2"}).Draw(t, "location")
				p.changed = append(p.changed, c)
				show(c.start, c.end, cmp.Or(c.subject, "Series"))
				continue
			}
			show(start, sameLength(t, zone.iana, wholeDay, p.start, start, p.length), "Series")
		}
		shape := rapid.SampledFrom([]property{
			lid(setAppointment, 0x8233, ptBinary, one(zone.structure())), lid(setAppointment, 0x8260, ptBinary, one(zone.definition())),
		}).Draw(t, "zone's shape")
		b, err := Calendar(newEncoder().class("IPM.Schedule.Meeting.Request").properties(id(specForeign), shape, tag(0x0037, ptUnicode, wideText("Series")),
			lid(setAppointment, 0x8215, ptBool, boolean(wholeDay)), lid(setAppointment, 0x8216, ptBinary, one(p.blob()))).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		got := occurrences(t, b, first.AddDate(0, 0, -5), p.last.AddDate(0, 2, 0))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%s\nwant\n%s\nin\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), b)
		}
	})
}

// sameLength is when an occurrence ends that begins at start: after as long as the first one takes (RFC
// 5545 section 3.8.5.3), as a wall's time.
func sameLength(t *rapid.T, zone string, wholeDay bool, first, start time.Time, length time.Duration) time.Time {
	if wholeDay {
		return start.Add(length)
	}
	took := inZone(t, zone, first.Add(length)).Sub(inZone(t, zone, first))
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	end := inZone(t, zone, start).Add(took).In(loc)
	return time.Date(end.Year(), end.Month(), end.Day(), end.Hour(), end.Minute(), 0, 0, time.UTC)
}
