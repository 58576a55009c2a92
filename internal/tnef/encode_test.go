package tnef

import (
	"bytes"
	"encoding/binary"
	"time"
	"unicode/utf16"
)

// An encoder writes TNEF, as an independent reading of [MS-OXTNEF] section 2.1.3.
type encoder struct{ bytes.Buffer }

func newEncoder() *encoder {
	e := &encoder{}
	e.Write([]byte{0x78, 0x9f, 0x3e, 0x22, 0x34, 0x12})
	e.attribute(1, 0x00089006, le32(0x00010000)) // attTnefVersion
	return e
}

// attribute writes an attribute of level 1, the message's, or 2, an attachment's.
func (e *encoder) attribute(level byte, id uint32, data []byte) *encoder {
	e.WriteByte(level)
	e.Write(le32(id))
	e.Write(le32(uint32(len(data))))
	e.Write(data)
	sum := uint16(0)
	for _, c := range data {
		sum += uint16(c)
	}
	e.Write(le16(sum))
	return e
}

func (e *encoder) class(name string) *encoder {
	return e.attribute(1, 0x00078008, append([]byte(name), 0))
}

func (e *encoder) codepage(n uint32) *encoder {
	return e.attribute(1, 0x00069007, append(le32(n), 0, 0, 0, 0))
}

func (e *encoder) properties(p ...property) *encoder { return e.attribute(1, 0x00069003, list(p)) }

func (e *encoder) recipients(rows ...[]property) *encoder {
	b := le32(uint32(len(rows)))
	for _, r := range rows {
		b = append(b, list(r)...)
	}
	return e.attribute(1, 0x00069004, b)
}

// attachment writes one with a file's name and bytes, or, without a name, with properties.
func (e *encoder) attachment(name string, data []byte, p ...property) *encoder {
	e.attribute(2, 0x00069002, make([]byte, 14))
	if name != "" {
		e.attribute(2, 0x00018010, append([]byte(name), 0))
		e.attribute(2, 0x0006800f, data)
	}
	if len(p) > 0 {
		e.attribute(2, 0x00069005, list(p))
	}
	return e
}

// A property is one of a list, encoded.
type property []byte

func list(p []property) []byte {
	b := le32(uint32(len(p)))
	for _, one := range p {
		b = append(b, one...)
	}
	return b
}

func tag(id, kind uint16, value []byte) property {
	return append(append(le16(kind), le16(id)...), value...)
}

// lid is a property that has a number in a set.
func lid(set guid, n uint32, kind uint16, value []byte) property {
	b := append(append(le16(kind), le16(0x8000)...), set[:]...)
	return append(append(append(b, le32(0)...), le32(n)...), value...)
}

// named is a property that has a name in PS_PUBLIC_STRINGS.
func named(name string, kind uint16, value []byte) property {
	b := append(le16(kind), le16(0x8001)...)
	b = append(b, 0x29, 3, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46)
	wide := utf16le(name + "\x00")
	return append(append(append(append(b, le32(1)...), le32(uint32(len(wide)))...), pad(wide)...), value...)
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func one(b []byte) []byte {
	return append(append(le32(1), le32(uint32(len(b)))...), pad(bytes.Clone(b))...)
}

func wideText(s string) []byte { return one(utf16le(s + "\x00")) }
func string8(s string) []byte  { return one([]byte(s + "\x00")) }
func number(n uint32) []byte   { return le32(n) }
func boolean(b bool) []byte    { return map[bool][]byte{true: {1, 0, 0, 0}, false: {0, 0, 0, 0}}[b] }
func instant(t time.Time) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(t.Unix()+11_644_473_600)*10_000_000)
}

func le16(n uint16) []byte { return binary.LittleEndian.AppendUint16(nil, n) }
func le32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, le16(u)...)
	}
	return b
}

// objectID is a global object id ([MS-OXOCAL] section 2.2.1.27); day is zero for a meeting as a whole.
func objectID(day time.Time, data []byte) []byte {
	b := []byte{0x04, 0, 0, 0, 0x82, 0, 0xe0, 0, 0x74, 0xc5, 0xb7, 0x10, 0x1a, 0x82, 0xe0, 0x08}
	if day.IsZero() {
		b = append(b, 0, 0, 0, 0)
	} else {
		b = append(b, byte(day.Year()>>8), byte(day.Year()), byte(day.Month()), byte(day.Day()))
	}
	b = append(b, 0x50, 0x25, 0xd4, 0x61, 0xe4, 0x73, 0xc8, 0x01, 0, 0, 0, 0, 0, 0, 0, 0)
	return append(append(b, le32(uint32(len(data)))...), data...)
}

// A windowsZone is what both shapes of a time zone are made from.
type windowsZone struct {
	name, iana                 string
	bias, standardBias, saving int32
	standard, daylight         [4]uint16 // month, weekday, n, hour; month 0: none
}

var windowsZones = []windowsZone{
	{"W. Europe Standard Time", "Europe/Berlin", -60, 0, -60, [4]uint16{10, 0, 5, 3}, [4]uint16{3, 0, 5, 2}},
	{"Pacific Standard Time", "America/Los_Angeles", 480, 0, -60, [4]uint16{11, 0, 1, 2}, [4]uint16{3, 0, 2, 2}},
	{"AUS Eastern Standard Time", "Australia/Sydney", -600, 0, -60, [4]uint16{4, 0, 1, 3}, [4]uint16{10, 0, 1, 2}},
	{"India Standard Time", "Asia/Kolkata", -330, 0, 0, [4]uint16{}, [4]uint16{}},
	{"Newfoundland Standard Time", "America/St_Johns", 210, 0, -60, [4]uint16{11, 0, 1, 2}, [4]uint16{3, 0, 2, 2}},
	{"UTC", "UTC", 0, 0, 0, [4]uint16{}, [4]uint16{}},
}

func (z windowsZone) biases() []byte {
	return append(append(le32(uint32(z.bias)), le32(uint32(z.standardBias))...), le32(uint32(z.saving))...)
}

func systemTime(f [4]uint16) []byte {
	b := le16(0)
	for _, n := range f {
		b = append(b, le16(n)...)
	}
	return append(b, make([]byte, 6)...)
}

// structure is a PidLidTimeZoneStruct.
func (z windowsZone) structure() []byte {
	b := append(append(z.biases(), 0, 0), systemTime(z.standard)...)
	return append(append(b, 0, 0), systemTime(z.daylight)...)
}

// definition is a PidLidAppointmentTimeZoneDefinitionRecur, with an older rule that is not in effect.
func (z windowsZone) definition() []byte {
	key := utf16le(z.name)
	b := append([]byte{2, 1}, le16(uint16(6+len(key)))...)
	b = append(append(b, le16(2)...), le16(uint16(len(key)/2))...)
	b = append(append(b, key...), le16(2)...)
	old := z
	old.bias, old.standard, old.daylight = z.bias+30, [4]uint16{}, [4]uint16{}
	for i, rule := range []windowsZone{old, z} {
		b = append(append(b, 2, 1), le16(0x3e)...)
		b = append(append(b, le16(uint16(2*i))...), le16(uint16(2000+i))...)
		b = append(append(b, make([]byte, 14)...), rule.biases()...)
		b = append(append(b, systemTime(rule.standard)...), systemTime(rule.daylight)...)
	}
	return b
}

// A pattern is what a PidLidAppointmentRecur is made from. Times are on the wall.
type pattern struct {
	frequency, kind uint16
	period          uint32
	own             []uint32
	firstDay        uint32
	count           uint32
	start, last     time.Time // last: of the last occurrence; zero: it never ends
	length          time.Duration
	byDate          bool
	deleted         []time.Time
	changed         []changed
}

type changed struct {
	original, start, end time.Time
	subject, location    string
	busy                 int32 // -1: as the series
}

func minutesOf(t time.Time) uint32 { return uint32((t.Unix() + 11_644_473_600) / 60) }

func midnight(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }

// blob is p as [MS-OXOCAL] section 2.2.1.44.5 has it.
func (p pattern) blob() []byte {
	var b bytes.Buffer
	w16 := func(n ...uint16) { _ = binary.Write(&b, binary.LittleEndian, n) }
	w32 := func(n ...uint32) { _ = binary.Write(&b, binary.LittleEndian, n) }
	w16(0x3004, 0x3004, p.frequency, p.kind, 0)
	w32(0, p.period, 0)
	w32(p.own...)
	switch {
	case p.last.IsZero():
		w32(0x2023, 10)
	case p.byDate:
		w32(0x2021, p.count)
	default:
		w32(0x2022, p.count)
	}
	w32(p.firstDay, uint32(len(p.deleted)+len(p.changed)))
	for _, d := range p.deleted {
		w32(minutesOf(midnight(d)))
	}
	for _, c := range p.changed {
		w32(minutesOf(midnight(c.original)))
	}
	w32(uint32(len(p.changed)))
	for _, c := range p.changed {
		w32(minutesOf(midnight(c.start)))
	}
	end := uint32(0x5ae980df)
	if !p.last.IsZero() {
		end = minutesOf(midnight(p.last))
	}
	at := uint32(p.start.Sub(midnight(p.start)) / time.Minute)
	w32(minutesOf(midnight(p.start)), end, 0x3006, 0x3009, at, at+uint32(p.length/time.Minute))
	w16(uint16(len(p.changed)))
	for _, c := range p.changed {
		w32(minutesOf(c.start), minutesOf(c.end), minutesOf(c.original))
		w16(c.flags())
		if c.subject != "" {
			w16(uint16(len(c.subject)+1), uint16(len(c.subject)))
			b.WriteString(c.subject)
		}
		if c.location != "" {
			w16(uint16(len(c.location)+1), uint16(len(c.location)))
			b.WriteString(c.location)
		}
		if c.busy >= 0 {
			w32(uint32(c.busy))
		}
	}
	w32(0)
	for _, c := range p.changed {
		w32(4, 0, 0)
		if c.subject+c.location == "" {
			continue
		}
		w32(minutesOf(c.start), minutesOf(c.end), minutesOf(c.original))
		for _, s := range []string{c.subject, c.location} {
			if s != "" {
				w16(uint16(len(utf16le(s)) / 2))
				b.Write(utf16le(s))
			}
		}
		w32(0)
	}
	w32(0)
	return b.Bytes()
}

func (c changed) flags() (f uint16) {
	if c.subject != "" {
		f |= 0x0001
	}
	if c.location != "" {
		f |= 0x0010
	}
	if c.busy >= 0 {
		f |= 0x0020
	}
	return f
}
