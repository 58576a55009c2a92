package tnef

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A writer makes an iCalendar object.
type writer struct{ strings.Builder }

// line writes a content line, folded at 75 bytes between characters (RFC 5545 section 3.1).
func (w *writer) line(s string) {
	for room := 75; len(s) > room; room = 74 { // a space begins each further one
		cut := room
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		w.WriteString(s[:cut])
		w.WriteString("\r\n ")
		s = s[cut:]
	}
	w.WriteString(s)
	w.WriteString("\r\n")
}

// text writes a property that is text (RFC 5545 section 3.3.11), unless it is empty.
func (w *writer) text(name, s string) {
	if s = escape(s); s != "" {
		w.line(name + ":" + s)
	}
}

// escape is s as the value of a property that is text.
func escape(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return escapes.Replace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd")))
}

var escapes = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)

// quoted is s, one line, as the value of a parameter (RFC 5545 section 3.2, RFC 6868).
func quoted(s string) string { return `"` + carets.Replace(s) + `"` }

var carets = strings.NewReplacer("^", "^^", `"`, "^'")

// A moment is a time as it is written: a day, a time on the wall of a zone, or an instant in UTC.
type moment struct {
	at   time.Time // a wall's time as if in UTC
	day  bool
	wall bool
}

// property is a property that has moments for its value.
func (z *zone) property(name string, all ...moment) string {
	var s strings.Builder
	s.WriteString(name)
	for i, m := range all {
		switch {
		case i > 0:
			s.WriteString(",")
		case m.day:
			s.WriteString(";VALUE=DATE:")
		case m.wall && z.id() != "":
			s.WriteString(";TZID=" + quoted(z.id()) + ":")
		default:
			s.WriteString(":")
		}
		s.WriteString(m.String())
	}
	return s.String()
}

func (m moment) String() string {
	switch {
	case m.day:
		return m.at.Format("20060102")
	case m.wall:
		return m.at.Format("20060102T150405")
	}
	return m.at.Format("20060102T150405Z")
}

// offset is a UTC-OFFSET (RFC 5545 section 3.3.14) of minutes east of UTC.
func offset(minutes int) string {
	sign := '+'
	if minutes < 0 {
		sign, minutes = '-', -minutes
	}
	return fmt.Sprintf("%c%02d%02d", sign, minutes/60, minutes%60)
}
