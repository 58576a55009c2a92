package tnef

import (
	"encoding/binary"
	"strings"
	"time"
)

// A field is a property that matters here.
type field int

const (
	_ field = iota
	messageClass
	subject
	normalizedSubject
	sensitivity
	body
	bodyHTML
	bodyRTF
	bodyCodepage
	submitTime
	startDate
	endDate
	replyRequested
	senderName
	senderKind
	senderAddress
	senderSMTP
	senderKey
	fromName
	fromKind
	fromAddress
	fromSMTP
	fromKey
	recipientType
	recipientName
	recipientKind
	recipientAddress
	recipientSMTP
	recipientKey
	recipientFlags
	recipientResponse
	displayType
	displayTypeEx
	attachData
	attachName
	attachLongName
	attachType
	globalID
	cleanGlobalID
	ownerChange
	attendeeChange
	isException
	isSeries
	recurs
	seriesTime
	sequence
	busyStatus
	intendedStatus
	location
	startWhole
	endWhole
	allDay
	recurrence
	stateFlags
	replaceTime
	zoneStruct
	zoneDescription
	counterProposal
	proposedStart
	proposedEnd
	zoneStart
	zoneRecur
	teamsURL
	confLink
	externalLink
	internalLink
	conferenceID
	tollNumber
)

// A propertyID is a property's number, in the set it is of; 0 is no set.
type propertyID struct {
	set guid
	id  uint32
}

type guid [16]byte // as it is on the wire

// Sets of named properties ([MS-OXPROPS] section 1.3.2).
var (
	setAppointment = guid{0x02, 0x20, 0x06, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}                                  // PSETID_Appointment
	setMeeting     = guid{0x90, 0xda, 0xd8, 0x6e, 0x0b, 0x45, 0x1b, 0x10, 0x98, 0xda, 0x00, 0xaa, 0x00, 0x3f, 0x13, 0x05} // PSETID_Meeting
)

// fields are the properties that are read ([MS-OXPROPS] section 2).
var fields = map[propertyID]field{
	{id: 0x001a}: messageClass,      // PidTagMessageClass
	{id: 0x0037}: subject,           // PidTagSubject
	{id: 0x0e1d}: normalizedSubject, // PidTagNormalizedSubject
	{id: 0x0036}: sensitivity,       // PidTagSensitivity
	{id: 0x1000}: body,              // PidTagBody
	{id: 0x1013}: bodyHTML,          // PidTagHtml and PidTagBodyHtml
	{id: 0x1009}: bodyRTF,           // PidTagRtfCompressed
	{id: 0x3fde}: bodyCodepage,      // PidTagInternetCodepage
	{id: 0x0039}: submitTime,        // PidTagClientSubmitTime
	{id: 0x0060}: startDate,         // PidTagStartDate
	{id: 0x0061}: endDate,           // PidTagEndDate
	{id: 0x0063}: replyRequested,    // PidTagResponseRequested
	{id: 0x0c1a}: senderName,        // PidTagSenderName
	{id: 0x0c1e}: senderKind,        // PidTagSenderAddressType
	{id: 0x0c1f}: senderAddress,     // PidTagSenderEmailAddress
	{id: 0x5d01}: senderSMTP,        // PidTagSenderSmtpAddress
	{id: 0x0c1d}: senderKey,         // PidTagSenderSearchKey
	{id: 0x0042}: fromName,          // PidTagSentRepresentingName
	{id: 0x0064}: fromKind,          // PidTagSentRepresentingAddressType
	{id: 0x0065}: fromAddress,       // PidTagSentRepresentingEmailAddress
	{id: 0x5d02}: fromSMTP,          // PidTagSentRepresentingSmtpAddress
	{id: 0x003b}: fromKey,           // PidTagSentRepresentingSearchKey

	{id: 0x0c15}: recipientType,     // PidTagRecipientType
	{id: 0x3001}: recipientName,     // PidTagDisplayName
	{id: 0x3002}: recipientKind,     // PidTagAddressType
	{id: 0x3003}: recipientAddress,  // PidTagEmailAddress
	{id: 0x39fe}: recipientSMTP,     // PidTagSmtpAddress
	{id: 0x300b}: recipientKey,      // PidTagSearchKey
	{id: 0x5ffd}: recipientFlags,    // PidTagRecipientFlags
	{id: 0x5fff}: recipientResponse, // PidTagRecipientTrackStatus
	{id: 0x3900}: displayType,       // PidTagDisplayType
	{id: 0x3905}: displayTypeEx,     // PidTagDisplayTypeEx

	{id: 0x3701}: attachData,     // PidTagAttachDataBinary and PidTagAttachDataObject
	{id: 0x3704}: attachName,     // PidTagAttachFilename
	{id: 0x3707}: attachLongName, // PidTagAttachLongFilename
	{id: 0x370e}: attachType,     // PidTagAttachMimeTag

	{setMeeting, 0x0003}: globalID,       // PidLidGlobalObjectId
	{setMeeting, 0x0023}: cleanGlobalID,  // PidLidCleanGlobalObjectId
	{setMeeting, 0x001a}: ownerChange,    // PidLidOwnerCriticalChange
	{setMeeting, 0x0001}: attendeeChange, // PidLidAttendeeCriticalChange
	{setMeeting, 0x000a}: isException,    // PidLidIsException
	{setMeeting, 0x0005}: isSeries,       // PidLidIsRecurring
	{setMeeting, 0x000e}: seriesTime,     // PidLidStartRecurrenceTime

	{setAppointment, 0x8201}: sequence,        // PidLidAppointmentSequence
	{setAppointment, 0x8205}: busyStatus,      // PidLidBusyStatus
	{setAppointment, 0x8224}: intendedStatus,  // PidLidIntendedBusyStatus
	{setAppointment, 0x8208}: location,        // PidLidLocation
	{setAppointment, 0x820d}: startWhole,      // PidLidAppointmentStartWhole
	{setAppointment, 0x820e}: endWhole,        // PidLidAppointmentEndWhole
	{setAppointment, 0x8215}: allDay,          // PidLidAppointmentSubType
	{setAppointment, 0x8216}: recurrence,      // PidLidAppointmentRecur
	{setAppointment, 0x8217}: stateFlags,      // PidLidAppointmentStateFlags
	{setAppointment, 0x8223}: recurs,          // PidLidRecurring
	{setAppointment, 0x8228}: replaceTime,     // PidLidExceptionReplaceTime
	{setAppointment, 0x8233}: zoneStruct,      // PidLidTimeZoneStruct
	{setAppointment, 0x8234}: zoneDescription, // PidLidTimeZoneDescription
	{setAppointment, 0x8250}: proposedStart,   // PidLidAppointmentProposedStartWhole
	{setAppointment, 0x8251}: proposedEnd,     // PidLidAppointmentProposedEndWhole
	{setAppointment, 0x8257}: counterProposal, // PidLidAppointmentCounterProposal
	{setAppointment, 0x825e}: zoneStart,       // PidLidAppointmentTimeZoneDefinitionStartDisplay
	{setAppointment, 0x8260}: zoneRecur,       // PidLidAppointmentTimeZoneDefinitionRecur
}

// namedFields are properties that have a name, in lower case, in place of a number. They are not
// documented; Exchange keeps them in PS_PUBLIC_STRINGS, others elsewhere.
var namedFields = map[string]field{
	"skypeteamsmeetingurl":      teamsURL,
	"onlinemeetingconflink":     confLink,
	"onlinemeetingexternallink": externalLink,
	"onlinemeetinginternallink": internalLink,
	"onlinemeetingconferenceid": conferenceID,
	"onlinemeetingtollnumber":   tollNumber,
}

// Types of properties ([MS-OXCDATA] section 2.11.1).
const (
	ptInt16   = 0x0002
	ptInt32   = 0x0003
	ptBool    = 0x000b
	ptObject  = 0x000d
	ptString8 = 0x001e
	ptUnicode = 0x001f
	ptTime    = 0x0040
	ptBinary  = 0x0102
	multiple  = 0x1000 // with one of the others: several values
)

// sizes are the bytes that a value of a type takes, with what it is padded by; 0: it says itself.
var sizes = map[uint16]int{
	0x0001: 0 /* null, which has none */, ptInt16: 4, ptInt32: 4, 0x0004: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x000a: 4, ptBool: 4,
	0x0014: 8, ptTime: 8, 0x0048: 16,
}

// A value is the value of a property; of several the first.
type value struct {
	kind uint16
	data []byte // nil if there is none
}

// props are the properties of a message, a recipient or an attachment, as far as they are fields.
type props map[field]value

// readRows reads a table of recipients ([MS-OXTNEF] section 2.1.3.4, RecipTableData).
func readRows(b []byte) []props {
	n := u32(b)
	if len(b) < 4 {
		return nil
	}
	b = b[4:]
	var all []props
	for ; n > 0 && len(b) > 0 && len(all) < maxRecipients; n-- {
		p, rest := readProps(b)
		all, b = append(all, p), rest
	}
	return all
}

// readProps reads a list of properties ([MS-OXTNEF] section 2.1.3.4, MsgPropertyList), up to one that
// makes no sense, and what is behind the list.
func readProps(b []byte) (props, []byte) {
	p := props{}
	r := &reader{b: b}
	n := r.u32()
	for i := uint32(0); i < n && r.ok(); i++ {
		if i == maxProperties {
			return p, nil
		}
		f, v := r.property()
		if _, twice := p[f]; f != 0 && r.ok() && v.data != nil && !twice {
			p[f] = v
		}
	}
	return p, r.b
}

// property reads one property, whatever its type, and its field, or 0.
func (r *reader) property() (field, value) {
	kind, id := r.u16(), uint32(r.u16())
	f := fields[propertyID{id: id}]
	if id >= 0x8000 { // it is named
		var set guid
		copy(set[:], r.take(16))
		if r.u32() == 0 {
			f = fields[propertyID{set, r.u32()}]
		} else {
			name := r.padded(r.u32())
			f = 0
			if len(name) < 200 {
				f = namedFields[strings.ToLower(decodeUTF16(name))]
			}
		}
	}
	return f, r.value(kind)
}

// value reads the value of a property of this type. One that is of no fixed size, and several, are
// counted first.
func (r *reader) value(kind uint16) value {
	v := value{kind: kind &^ multiple}
	size, fixed := sizes[v.kind]
	variable := v.kind == ptObject || v.kind == ptString8 || v.kind == ptUnicode || v.kind == ptBinary
	if !fixed && !variable {
		r.fail() // how long it is can't be known
		return v
	}
	n := uint32(1)
	if variable || kind&multiple != 0 {
		n = r.u32()
	}
	for i := uint32(0); i < n && r.ok(); i++ {
		var data []byte
		if variable {
			data = r.padded(r.u32())
		} else if data = r.take(size); size == 0 {
			break
		}
		if i == 0 {
			v.data = data
		}
	}
	return v
}

// int is a number, or a flag as 0 or 1.
func (p props) int(f field) int {
	v := p[f]
	switch {
	case v.kind == ptInt32 && len(v.data) >= 4:
		return int(int32(u32(v.data)))
	case v.kind == ptInt16 && len(v.data) >= 2:
		return int(int16(u16(v.data)))
	case v.kind == ptBool && len(v.data) >= 2 && u16(v.data) != 0:
		return 1
	}
	return 0
}

// has reports whether p has f.
func (p props) has(f field) bool { return p[f].data != nil }

// time is an instant, in UTC, in whole seconds, or zero.
func (p props) time(f field) time.Time {
	v := p[f]
	if v.kind != ptTime || len(v.data) < 8 {
		return time.Time{}
	}
	// 100 ns since 1601 ([MS-DTYP] section 2.3.3). The years 1601 and 4501 stand for none.
	ticks := binary.LittleEndian.Uint64(v.data)
	const second, year = 10_000_000, 366 * 86400 * 10_000_000
	if ticks < year || ticks >= 2900*year {
		return time.Time{}
	}
	return time.Unix(int64(ticks/second)-since1601, 0).UTC()
}

const since1601 = 11_644_473_600 // seconds from 1601 to 1970

// bytes are a value's bytes, or nil.
func (p props) bytes(f field) []byte {
	if v := p[f]; v.kind == ptBinary {
		return v.data
	}
	return nil
}

// text is a text of several lines, line one of one line; both within their limits, or "".
func (p props) text(f field, codepage uint32) string { return limited(p.string(f, codepage), maxText) }
func (p props) line(f field, codepage uint32) string { return line(p.string(f, codepage)) }

func (p props) string(f field, codepage uint32) string {
	switch v := p[f]; v.kind {
	case ptUnicode:
		return decodeUTF16(v.data[:min(len(v.data), 2*maxText)])
	case ptString8:
		return decode(v.data, codepage)
	}
	return ""
}

// A reader takes what it can, and nothing more once something was missing.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) ok() bool { return !r.failed }

func (r *reader) fail() { r.failed, r.b = true, nil }

func (r *reader) take(n int) []byte {
	if r.failed || n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) u16() uint16 { return u16(r.take(2)) }
func (r *reader) u32() uint32 { return u32(r.take(4)) }

// padded takes n bytes, and what they are padded by up to a multiple of 4; at the very end the padding
// may be missing.
func (r *reader) padded(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	data := r.take(int(n))
	r.take(min(int(-n&3), len(r.b)))
	return data
}
