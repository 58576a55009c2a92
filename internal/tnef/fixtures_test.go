package tnef

import (
	"encoding/hex"
	"strings"
	"time"
)

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// What Microsoft publishes as examples.
var (
	specID      = unhex("040000008200E00074C5B7101A82E00807D803195025D461E473C8010000000000000000100000002A5844B3A444F74A9C246C60886F116B") // [MS-OXOCAL] section 4.1.2
	specZone    = unhex("E001000000000000C4FFFFFF000000000B00000001000200000000000000000000000300000002000200000000000000")                 // section 4.1.5
	specWeekly  = unhex("043004300B2001000000C0210000010000000000000032000000222000000C0000000000000000000000000000008020BC0C20ADBC0C0630000009300000580200007602000000000000000000000000")
	specChanged = unhex("043004300B2001000000C0210000010000000000000032000000222000000C0000000000000001000000A096BC0C01000000A096BC0C8020BC0C20ADBC0C0630000009300000580200007602000001003499BC0C5299BC0CF898BC0C11002200210053696D706C6520526563757272656E6365207769746820657863657074696F6E730800070033342F34313431000000000400000000000000000000003499BC0C5299BC0CF898BC0C2100530069006D0070006C006500200052006500630075007200720065006E006300650020007700690074006800200065007800630065007000740069006F006E0073000700330034002F0034003100340031000000000000000000")
	specDaily   = unhex("043004300A2000000000A0050000E010000000000000212000000A0000000000000002000000A0C1DC0C80D2DC0C00000000207EDC0C0016DD0C0630000009300000E0010000FE01000000000000000000000000")
	specHebrew  = unhex("043004300D200200080080750A000C0000000000000003000000232000000A0000000000000001000000207EDC0C01000000207EDC0C6074C40CDF80E95A0630000009300000E0010000FE01000001000080DC0C1E80DC0C0080DC0C24023C000000010000000000000004000000000000000000000000000000")
	// specForeign is a global object id of a meeting from elsewhere ([MS-ASEMAIL] section 4.3).
	specForeign = append(unhex("040000008200E00074C5B7101A82E0080000000000000000000000000000000000000000330000007643616C2D55696401000000"), "{81412D3C-2A24-4E9D-B20E-11F7BBE92799}\x00"...)
)

var specDefinition = unhex("0201300002001500500061006300690066006900630020005300740061006E0064006100720064002000540069006D006500020002013E000000D6070000000000000000000000000000E001000000000000C4FFFFFF00000A000000050002000000000000000000040000000100020000000000000002013E000200D7070000000000000000000000000000E001000000000000C4FFFFFF00000B0000000100020000000000000000000300000002000200000000000000") // [MS-OXOCAL] section 4.1.4

var organizer = []property{
	tag(0x0042, ptUnicode, wideText("Anna Beispiel")), tag(0x0064, ptUnicode, wideText("SMTP")),
	tag(0x0065, ptUnicode, wideText("anna@globex.example")),
}

// invited is a row of the table of recipients.
func invited(kind uint32, name, address string, more ...property) []property {
	return append([]property{
		tag(0x0c15, ptInt32, number(kind)), tag(0x3001, ptUnicode, wideText(name)),
		tag(0x3002, ptUnicode, wideText("SMTP")), tag(0x3003, ptUnicode, wideText(address)),
	}, more...)
}

func span(from, to string) []property {
	return []property{lid(setAppointment, 0x820d, ptTime, instant(at(from))), lid(setAppointment, 0x820e, ptTime, instant(at(to)))}
}

func join(lists ...[]property) (all []property) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func id(b []byte) property { return lid(setMeeting, 0x0023, ptBinary, one(b)) }

func teamsMeeting() []byte {
	return newEncoder().codepage(1252).class("IPM.Microsoft Schedule.MtgReq").properties(join(organizer, span("2026-11-24 10:00", "2026-11-24 10:30"), []property{
		id(objectID(time.Time{}, []byte("0123456789abcdef"))),
		lid(setMeeting, 0x001a, ptTime, instant(at("2026-11-20 08:15"))),
		tag(0x0037, ptUnicode, wideText("Rollout; Phase 2, Kick‑off")),
		tag(0x1000, ptUnicode, wideText("Guten Tag,\r\nwir treffen uns in Teams.\r\n\r\nhttps://teams.microsoft.com/l/meetup-join/19%3ameeting_abc%40thread.v2/0?context=%7b%7d\r\n")),
		tag(0x1013, ptBinary, one([]byte("<html><body>Gr\xfc\xdfe</body></html>"))), tag(0x3fde, ptInt32, number(28591)),
		tag(0x0036, ptInt32, number(2)), tag(0x0063, ptBool, boolean(true)),
		tag(0x0c1a, ptUnicode, wideText("Sekretariat")), tag(0x5d01, ptUnicode, wideText("office@globex.example")),
		lid(setAppointment, 0x8201, ptInt32, number(3)), lid(setAppointment, 0x8205, ptInt32, number(1)),
		lid(setAppointment, 0x8224, ptInt32, number(2)), lid(setAppointment, 0x8208, ptUnicode, wideText("Microsoft Teams Meeting")),
		lid(setAppointment, 0x8215, ptBool, boolean(false)),
		named("SkypeTeamsMeetingUrl", ptUnicode, wideText("https://teams.microsoft.com/l/meetup-join/19%3ameeting_abc%40thread.v2/0?context=%7b%7d")),
		named("Keywords", ptUnicode|multiple, append(append(le32(2), one(utf16le("Blau"))[4:]...), one(utf16le("Rot"))[4:]...)),
	})...).recipients(
		invited(1, "Anna Beispiel", "Anna@Globex.example", tag(0x5ffd, ptInt32, number(3))),
		invited(1, `Max "Mäx" Muster`, "max@acme.example", tag(0x5fff, ptInt32, number(3))),
		invited(2, "Erika: Muster", "erika@acme.example"),
		invited(3, "Raum 7", "raum7@globex.example", tag(0x3905, ptInt32, number(0x80000007))),
		[]property{tag(0x0c15, ptInt32, number(1)), tag(0x3001, ptUnicode, wideText("Intern")), tag(0x3002, ptUnicode, wideText("EX")), tag(0x3003, ptUnicode, wideText("/o=globex/cn=intern"))},
	).Bytes()
}

func weekly(blob []byte, more ...property) []byte {
	return newEncoder().class("IPM.Schedule.Meeting.Request").properties(join(organizer, more, []property{
		id(specForeign), tag(0x0037, ptUnicode, wideText("Simple Recurrence")),
		lid(setAppointment, 0x8208, ptUnicode, wideText("34/4639")), lid(setAppointment, 0x8205, ptInt32, number(2)),
		lid(setAppointment, 0x8216, ptBinary, one(blob)),
	})...).Bytes()
}

var pacific = lid(setAppointment, 0x8260, ptBinary, one(specDefinition))

// fixtures are what the files in testdata are made from: none of them is anybody's mail.
var fixtures = map[string]func() []byte{
	"request_teams": teamsMeeting,
	"series_spec_weekly": func() []byte {
		return weekly(specWeekly, pacific, lid(setAppointment, 0x8233, ptBinary, one(specZone)))
	},
	"series_spec_changed": func() []byte { return weekly(specChanged, pacific) },
	"series_spec_daily":   func() []byte { return weekly(specDaily, lid(setAppointment, 0x8233, ptBinary, one(specZone))) },
	"series_spec_hebrew":  func() []byte { return weekly(specHebrew, pacific) },
	"series_zones_differ": func() []byte {
		return weekly(specWeekly, lid(setAppointment, 0x8260, ptBinary, one(windowsZones[0].definition())), lid(setAppointment, 0x8233, ptBinary, one(specZone)))
	},
	"series_unknown_zone": func() []byte { return weekly(specWeekly) },
	"series_all_day":      func() []byte { return weekly(specWeekly, pacific, lid(setAppointment, 0x8215, ptBool, boolean(true))) },
	"series_cut_off":      func() []byte { return weekly(specChanged[:100], pacific) },
	"series_zone_has_name": func() []byte {
		return weekly(specWeekly, lid(setAppointment, 0x8260, ptBinary, one(append(unhex("0201300002001500"), append(utf16le("Pacific Standard Time"), 0, 0)...))))
	},
	"cancel_one": func() []byte {
		return newEncoder().class("IPM.Schedule.Meeting.Canceled").properties(join(organizer, span("2008-03-26 16:00", "2008-03-26 17:00"), []property{
			lid(setMeeting, 0x0003, ptBinary, one(specID)), id(objectID(time.Time{}, specID[40:])), tag(0x0037, ptUnicode, wideText("Canceled: Review")),
			lid(setMeeting, 0x000e, ptInt32, number(10<<12|30<<6)), lid(setAppointment, 0x8233, ptBinary, one(specZone)),
			lid(setMeeting, 0x000a, ptBool, boolean(true)), lid(setAppointment, 0x8201, ptInt32, number(2)),
		})...).Bytes()
	},
	"update_one_day_only": func() []byte {
		return newEncoder().class("IPM.Schedule.Meeting.Request").properties(join(organizer, span("2008-03-26 16:00", "2008-03-26 17:00"), []property{
			lid(setMeeting, 0x0003, ptBinary, one(specID)), tag(0x0037, ptUnicode, wideText("Review")),
		})...).Bytes()
	},
	"update_one_which": func() []byte {
		return newEncoder().class("IPM.Schedule.Meeting.Request").properties(join(organizer, span("2008-03-26 16:00", "2008-03-26 17:00"), []property{
			id(specForeign), lid(setMeeting, 0x000a, ptBool, boolean(true)),
		})...).Bytes()
	},
	"cancel_no_times": func() []byte {
		return newEncoder().class("IPM.Microsoft Schedule.MtgCncl").properties(id(specForeign), lid(setAppointment, 0x8216, ptBinary, one([]byte("nothing")))).Bytes()
	},
	"reply_tentative": func() []byte {
		return newEncoder().class("IPM.Microsoft Schedule.MtgRespA").properties(join(organizer, span("2026-11-24 10:00", "2026-11-24 10:30"), []property{
			id(specForeign), lid(setMeeting, 0x0001, ptTime, instant(at("2026-11-21 09:00"))),
		})...).recipients(invited(1, "Max Muster", "max@acme.example")).Bytes()
	},
	"series_unsaid": func() []byte {
		return newEncoder().class("IPM.Schedule.Meeting.Request").properties(join(span("2026-11-24 10:00", "2026-11-24 10:30"), []property{
			id(specForeign), lid(setMeeting, 0x0005, ptBool, boolean(true)),
		})...).Bytes()
	},
	"counter": func() []byte {
		return newEncoder().class("IPM.Schedule.Meeting.Resp.Tent").properties(join(organizer, span("2026-11-24 10:00", "2026-11-24 10:30"), []property{
			id(specForeign), lid(setAppointment, 0x8257, ptBool, boolean(true)),
			lid(setAppointment, 0x8250, ptTime, instant(at("2026-11-25 14:00"))), lid(setAppointment, 0x8251, ptTime, instant(at("2026-11-25 14:30"))),
		})...).recipients(invited(1, "Max Muster", "max@acme.example")).Bytes()
	},
	"all_day_berlin": func() []byte {
		return newEncoder().class("IPM.Schedule.Meeting.Request").properties(join(organizer, span("2026-06-30 22:00", "2026-07-02 22:00"), []property{
			id(specForeign), lid(setAppointment, 0x8215, ptBool, boolean(true)), lid(setAppointment, 0x825e, ptBinary, one(windowsZones[0].definition())),
			tag(0x0037, ptUnicode, wideText("Klausur")), lid(setAppointment, 0x8205, ptInt32, number(0)),
		})...).Bytes()
	},
	"legacy": func() []byte {
		e := newEncoder().codepage(1251).class("IPM.Microsoft Schedule.MtgReq")
		pair := func(name, address string) []byte {
			return append(append(append(le16(uint16(len(name)+1)), name+"\x00"...), le16(uint16(len(address)+1))...), address+"\x00"...)
		}
		e.attribute(1, 0x00060000, pair("\xc8\xe2\xe0\xed", "SMTP:ivan@globex.example"))
		e.attribute(1, 0x00018004, []byte("\xd1\xee\xe2\xe5\xf9\xe0\xed\xe8\xe5\x00"))
		e.attribute(1, 0x0002800c, []byte("\xc2\xf1\xf2\xf0\xe5\xf7\xe0\x00"))
		date := func(f ...uint16) (b []byte) {
			for _, n := range f {
				b = append(b, le16(n)...)
			}
			return b
		}
		e.attribute(1, 0x00030006, date(2003, 5, 23, 14, 0, 0, 5))
		e.attribute(1, 0x00030007, date(2003, 5, 23, 15, 0, 0, 5))
		e.attribute(1, 0x00038005, date(2003, 5, 20, 9, 30, 15, 2))
		return e.properties(lid(setAppointment, 0x8208, ptString8, string8("\xc7\xe0\xeb"))).Bytes()
	},
	"appointment": func() []byte {
		return newEncoder().class("IPM.Appointment").properties(join(span("2026-11-24 10:00", "2026-11-24 10:00"), []property{
			tag(0x0037, ptString8, string8("Sample Summary")), lid(setAppointment, 0x8217, ptInt32, number(5)),
		})...).Bytes()
	},
	"rtf_text": func() []byte {
		return rtfMeeting(`{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}{\*\generator Riched20;}\pard Gr\'fc\'dfe,\par see {\field{\*\fldinst HYPERLINK "https://zoom.example/j/123?pwd=abc"}{\fldrslt \ul Join\ulnone}} now \u8364 ?5\par\{end\}}`)
	},
	"rtf_html": func() []byte {
		return rtfMeeting(`{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0 Arial;}}{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Join {\*\htmltag84 <a href="https://zoom.example/j/123">}\htmlrtf {\field{\*\fldinst{HYPERLINK "https://zoom.example/j/123"}}{\fldrslt\htmlrtf0 here\htmlrtf }\htmlrtf0}\htmlrtf0 {\*\htmltag92 </a>}{\*\htmltag84 &nbsp;}\htmlrtf\par}\htmlrtf0{\*\htmltag72 </p>}}`)
	},
	"attached_ics": func() []byte {
		return newEncoder().class("IPM.Note").attachment("other.txt", []byte("BEGIN:VCALENDAR")).attachment("Invite.ICS", attachedCalendar).Bytes()
	},
	"attached_ics_by_type": func() []byte {
		return newEncoder().class("IPM.Note").attachment("", nil, tag(0x370e, ptUnicode, wideText("text/calendar; method=REQUEST")), tag(0x3701, ptBinary, one(attachedCalendar))).Bytes()
	},
	"attached_meeting": func() []byte {
		inner := append(unhex("0703020000000000C000000000000046"), teamsMeeting()...)
		return newEncoder().class("IPM.Note").attachment("", nil, tag(0x3701, ptObject, one(inner)), tag(0x3705, ptInt32, number(5))).Bytes()
	},
	"note": func() []byte {
		return newEncoder().class("IPM.Note").properties(tag(0x0037, ptUnicode, wideText("Hello"))).Bytes()
	},
	"empty": func() []byte { return newEncoder().class("IPM.Schedule.Meeting.Request").Bytes() },
	"forwarded": func() []byte {
		return newEncoder().class("IPM.Schedule.Meeting.Notification.Forward").properties(id(specForeign)).Bytes()
	},
	"not_tnef": func() []byte { return []byte("BEGIN:VCALENDAR\r\n") },
	"id_too_big": func() []byte {
		return newEncoder().class("IPM.Schedule.Meeting.Request").properties(id(objectID(time.Time{}, make([]byte, 2000)))).Bytes()
	},
}

var attachedCalendar = []byte(strings.ReplaceAll("BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:attached@globex.example\nDTSTART:20261124T100000Z\nEND:VEVENT\nEND:VCALENDAR\n", "\n", "\r\n"))

func rtfMeeting(rtf string) []byte {
	header := append(append(le32(uint32(len(rtf)+12)), le32(uint32(len(rtf)))...), "MELA\x00\x00\x00\x00"...)
	return newEncoder().class("IPM.Schedule.Meeting.Request").properties(join(span("2026-11-24 10:00", "2026-11-24 10:30"), []property{
		id(specForeign), tag(0x1009, ptBinary, one(append(header, rtf...))),
	})...).Bytes()
}
