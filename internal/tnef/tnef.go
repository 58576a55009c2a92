// Package tnef reads winmail.dat, which is what Outlook and Exchange make of a mail that they send in
// their own format (application/ms-tnef, [MS-OXTNEF]), and gives the meeting in it as an iCalendar object.
//
// The bytes come from anywhere. They are read leniently, as far as they go: checksums are not compared,
// what is cut off ends where it ends, and what means nothing here is stepped over. Everything is limited,
// reading takes one pass over the bytes at each depth, and nothing depends on the clock or the machine's
// zone.
//
// The sections of [MS-OXTNEF], [MS-OXOCAL] (meetings), [MS-OXCICAL] (meetings as iCalendar), [MS-OXPROPS]
// (numbers of properties) and [MS-OXRTFCP] (compressed RTF) are named where they are used.
package tnef

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Limits. What is beyond them is ErrLimit, or is dropped where the comment says so.
const (
	maxInput       = 64 << 20 // bytes
	maxOutput      = 1 << 20  // bytes
	maxDepth       = 3        // messages in messages
	maxAttributes  = 10_000   // of a message and its attachments; the rest is dropped
	maxProperties  = 5_000    // of one list; the rest is dropped
	maxRecipients  = 1_000    // the rest is dropped
	maxAttachments = 200      // the rest is dropped
	maxText        = 64_000   // bytes of a text in UTF-8; the rest is dropped
	maxLine        = 2_000    // bytes of a text that is one line, as a subject or a name; the rest is dropped
	maxUID         = 1_000    // bytes of a global object id
	maxExceptions  = 300      // changed occurrences of a series
	maxDeleted     = 1_000    // occurrences that a series has no more
)

var (
	// ErrNotTNEF is returned for bytes that do not begin as TNEF does.
	ErrNotTNEF = errors.New("not TNEF: it does not begin with 78 9F 3E 22")
	// ErrNoMeeting is returned for a message that is no meeting, or one that can't be told, with the reason.
	ErrNoMeeting = errors.New("winmail.dat has no meeting that can be read")
	// ErrLimit is returned for what is beyond a limit, with the limit.
	ErrLimit = errors.New("winmail.dat is beyond what an invite may have")
)

// remedy is what to do about a meeting that can't be told.
const remedy = "have it sent as iCalendar (Set-RemoteDomain -TNEFEnabled $false)"

// Calendar is the meeting in b, a TNEF stream, as an iCalendar object (RFC 5545): UTF-8, lines that end in
// CRLF and are folded, at most 1 MiB. It has one VEVENT, of a series also one for each changed occurrence;
// METHOD is REQUEST, CANCEL, REPLY or COUNTER, or PUBLISH for an appointment that is no request.
//
// Times are in UTC, but for a series in its own zone, with its VTIMEZONE, and for whole days dates. UID is
// the global object id in upper-case hexadecimal digits, or the one it was made from ([MS-OXCICAL] section
// 2.1.3.1.1.20.26); what was sent by Outlook before 2003 may have none. Who is invited is said only if the
// sender's recipients are in b; otherwise they are the mail's.
//
// Where the message is no meeting, but an iCalendar file is attached to it, that is returned as it is, in
// whatever encoding it is; failing that, the meeting of a message that is attached.
//
// The error is ErrNotTNEF, ErrNoMeeting or ErrLimit.
func Calendar(b []byte) ([]byte, error) {
	if len(b) > maxInput {
		return nil, fmt.Errorf("%w: %d bytes, over %d", ErrLimit, len(b), maxInput)
	}
	if !isTNEF(b) {
		return nil, ErrNotTNEF
	}
	return calendar(b, 1)
}

func calendar(b []byte, depth int) ([]byte, error) {
	m := readMessage(b)
	own, err := m.calendar()
	if err == nil || !errors.Is(err, ErrNoMeeting) {
		return own, err
	}
	for _, a := range m.attachments {
		if content := a.content(); a.isCalendar(m.codepage) && bytes.Contains(content, []byte("BEGIN:VCALENDAR")) {
			if len(content) > maxOutput {
				return nil, fmt.Errorf("%w: an attached calendar of %d bytes, over %d", ErrLimit, len(content), maxOutput)
			}
			return content, nil
		}
	}
	for _, a := range m.attachments {
		content := a.content()
		if !isTNEF(content) {
			continue
		}
		if depth == maxDepth {
			return nil, fmt.Errorf("%w: messages in messages, over %d deep", ErrLimit, maxDepth)
		}
		if inner, err := calendar(content, depth+1); err == nil || errors.Is(err, ErrLimit) {
			return inner, err
		}
	}
	return nil, err
}

var signature = []byte{0x78, 0x9f, 0x3e, 0x22} // [MS-OXTNEF] section 2.1.3

func isTNEF(b []byte) bool { return len(b) >= 6 && bytes.HasPrefix(b, signature) }

// A message is what a TNEF stream has of a message.
type message struct {
	class       []byte
	codepage    uint32
	props       props
	recipients  []props
	attachments []*attachment
	// What has an attribute of its own.
	subject, body          []byte
	owner, sentFor, from   []byte // people, in the shapes that people.go knows
	dateStart, dateEnd     time.Time
	dateSent, dateModified time.Time
}

// An attachment is what a TNEF stream has of an attachment.
type attachment struct {
	title, data []byte
	props       props
}

// attributes are what of a message or an attachment matters here, by its id ([MS-OXTNEF] section 2.1.3.3).
var attributes = map[uint32]func(m *message, data []byte){
	0x00078008: func(m *message, d []byte) { m.class = d },                      // attMessageClass
	0x00069007: func(m *message, d []byte) { m.codepage = u32(d) },              // attOemCodepage
	0x00069003: func(m *message, d []byte) { m.props, _ = readProps(d) },        // attMsgProps
	0x00069004: func(m *message, d []byte) { m.recipients = readRows(d) },       // attRecipTable
	0x00018004: func(m *message, d []byte) { m.subject = d },                    // attSubject
	0x0002800c: func(m *message, d []byte) { m.body = d },                       // attBody
	0x00060000: func(m *message, d []byte) { m.owner = d },                      // attOwner
	0x00060001: func(m *message, d []byte) { m.sentFor = d },                    // attSentFor
	0x00008000: func(m *message, d []byte) { m.from = d },                       // attFrom
	0x00030006: func(m *message, d []byte) { m.dateStart = readDate(d) },        // attDateStart
	0x00030007: func(m *message, d []byte) { m.dateEnd = readDate(d) },          // attDateEnd
	0x00038005: func(m *message, d []byte) { m.dateSent = readDate(d) },         // attDateSent
	0x00038020: func(m *message, d []byte) { m.dateModified = readDate(d) },     // attDateModified
	0x00069002: func(m *message, _ []byte) { m.attach() },                       // attAttachRenddata begins one
	0x00018010: func(m *message, d []byte) { m.last().title = d },               // attAttachTitle
	0x0006800f: func(m *message, d []byte) { m.last().data = d },                // attAttachData
	0x00069005: func(m *message, d []byte) { m.last().props, _ = readProps(d) }, // attAttachment
}

func (m *message) attach() { m.attachments = append(m.attachments, &attachment{}) }

// last is the attachment that an attribute is of. It is there even if the sender did not begin it.
func (m *message) last() *attachment {
	if len(m.attachments) == 0 {
		m.attach()
	}
	return m.attachments[len(m.attachments)-1]
}

// readMessage reads the attributes of b, which isTNEF ([MS-OXTNEF] section 2.1.3): behind the signature
// and a key, each a level (1 byte), an id (4), a length (4), so much data, and a checksum (2).
func readMessage(b []byte) *message {
	m := &message{}
	b = b[6:]
	for n := 0; len(b) >= 9 && n < maxAttributes; n++ {
		id, length := u32(b[1:]), uint64(u32(b[5:]))
		b = b[9:]
		data := b[:min(length, uint64(len(b)))]
		b = b[min(length+2, uint64(len(b))):]
		if len(m.attachments) > maxAttachments {
			break
		}
		if read := attributes[id]; read != nil {
			read(m, data)
		}
	}
	return m
}

// content is a's bytes: a file's, or the message's that is attached.
func (a *attachment) content() []byte {
	if v := a.props[attachData]; v.data != nil {
		if v.kind == ptObject { // an interface id stands before it ([MS-OXTNEF] section 2.1.3.4)
			return v.data[min(16, len(v.data)):]
		}
		return v.data
	}
	return a.data
}

// isCalendar reports whether a says that it is an iCalendar file.
func (a *attachment) isCalendar(codepage uint32) bool {
	mediaType, _, _ := strings.Cut(a.props.line(attachType, codepage), ";")
	name := cmp.Or(a.props.line(attachLongName, codepage), a.props.line(attachName, codepage), line(decode(a.title, codepage)))
	return strings.EqualFold(strings.TrimSpace(mediaType), "text/calendar") || strings.HasSuffix(strings.ToLower(name), ".ics")
}

// readDate reads a date of an attribute ([MS-OXTNEF] section 2.1.3.3): year, month, day, hour,
// minute, second, in UTC. It is zero if it is none.
func readDate(d []byte) time.Time {
	if len(d) < 12 {
		return time.Time{}
	}
	var f [6]int
	for i := range f {
		f[i] = int(binary.LittleEndian.Uint16(d[2*i:]))
	}
	t := time.Date(f[0], time.Month(f[1]), f[2], f[3], f[4], f[5], 0, time.UTC)
	if f[0] < 1602 || f[0] > 4500 || int(t.Month()) != f[1] || t.Day() != f[2] || t.Hour() != f[3] || t.Minute() != f[4] {
		return time.Time{}
	}
	return t
}

func u16(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return binary.LittleEndian.Uint16(b)
}

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}
