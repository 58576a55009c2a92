package coordinator

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	netmail "net/mail"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // tells go-message how to decode charsets
	mailmsg "github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"
	"github.com/smallstep/pkcs7"

	"example.com/syncd/calendar"
	"example.com/syncd/internal/ics"
	"example.com/syncd/internal/tnef"
)

// Limits on one mail.
const (
	maxMail      = 10 << 20
	maxHeader    = 1 << 20
	maxDepth     = 10 // multiparts and messages in one another
	maxParts     = 200
	maxForwards  = 2 // messages in messages
	maxCalendar  = 1 << 20
	maxCalendars = 4 // calendar parts of one kind
	sniffed      = 4 << 10
)

// Reasons why a mail is no invite. They are logged, so they say nothing of what is in it; the errors of
// MIME's own parser would.
var (
	errTooLarge  = errors.New("it is larger than an invite may be")
	errNoInvite  = errors.New("it holds no calendar")
	errNotMIME   = errors.New("it is not a mail")
	errDamaged   = errors.New("its parts can't be told from one another")
	errTNEF      = errors.New("its content is in a winmail.dat that can't be read; turn that off where it comes from (Set-RemoteDomain -TNEFEnabled $false)")
	errNoEffect  = errors.New("it changes nothing: only invites, updates, cancellations and answers do")
	errNoUID     = errors.New("an event has no UID")
	errManyUIDs  = fmt.Errorf("it has more than %d meetings; the others are left out", maxUIDs)
	errNoICal    = errors.New("it is a meeting that the mailbox shows as a link to Outlook: have Exchange give invites as they were sent (Set-CASMailbox -ImapUseProtocolDefaults $false -ImapForceICalForCalendarRetrievalOption $true)")
	errEncrypted = errors.New("it is encrypted")
)

// A kindOfPart is how a part of a mail says that it is a calendar, the best first.
type kindOfPart int

const (
	textCalendar kindOfPart = iota
	applicationICS
	namedICS // "invite.ics" of another type
	looksLikeCalendar
	winmail // a meeting in Outlook's own form
	kindsOfPart
)

// An invite is what of a mail matters here.
type invite struct {
	received  time.Time // by the topmost Received header, in UTC; zero if there is none
	messageID string
	from      string              // the address in From, as it says; "" unless there is one From with one address
	to        []calendar.Attendee // those in To and Cc
	winmail   bool                // the calendars are from a winmail.dat, which often leaves the guests to To and Cc
	calendars []*ics.Calendar
}

// readInvite finds the calendars in a mail as it was delivered. Google sends each invite twice in one
// mail: the best kind of part that holds a calendar is read, others are left.
func readInvite(raw []byte) (invite, error) {
	if len(raw) > maxMail {
		return invite{}, errTooLarge
	}
	w := &walker{}
	var inv invite
	header, err := w.message(raw, 0, 0)
	if err == nil || w.found() {
		inv.received, inv.messageID = receivedAt(header), header.Get("Message-Id")
		inv.from, inv.to = addressIn(header, "From"), guestsIn(header)
	}
	if err != nil && !w.found() && !errors.Is(err, errTooLarge) {
		// What is not MIME may still hold a calendar.
		if i := bytes.Index(raw, []byte("BEGIN:VCALENDAR")); i >= 0 {
			w.parts[looksLikeCalendar] = append(w.parts[looksLikeCalendar], part{body: raw[i:min(len(raw), i+maxCalendar)]})
		}
	}
	for kind, parts := range w.parts {
		for _, p := range parts {
			calendars, perr := p.calendars()
			inv.calendars = append(inv.calendars, calendars...)
			inv.winmail = inv.winmail || kindOfPart(kind) == winmail
			err = cmp.Or(err, perr)
		}
		if len(inv.calendars) > 0 {
			return inv, nil
		}
	}
	if err == nil && w.unread == nil && strings.EqualFold(header.Get("Content-Class"), "urn:content-classes:calendarmessage") {
		err = errNoICal
	}
	return inv, cmp.Or(err, w.unread, errNoInvite)
}

// receivedAt is the date of the topmost Received header: the last hop's clock (RFC 5321 section 4.4).
func receivedAt(h message.Header) time.Time {
	v := h.Get("Received")
	t, err := netmail.ParseDate(strings.TrimSpace(v[strings.LastIndexByte(v, ';')+1:]))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// addressIn is the one address that the one header of this name has, in lower case.
func addressIn(h message.Header, name string) string {
	if len(h.Values(name)) != 1 {
		return ""
	}
	all, err := (&mailmsg.Header{Header: h}).AddressList(name)
	if err != nil || len(all) != 1 {
		return ""
	}
	return strings.ToLower(all[0].Address)
}

// guestsIn are the addresses in To and Cc.
func guestsIn(h message.Header) []calendar.Attendee {
	var all []calendar.Attendee
	for _, name := range []string{"To", "Cc"} {
		list, err := (&mailmsg.Header{Header: h}).AddressList(name)
		if err != nil {
			continue
		}
		for _, a := range list[:min(len(list), 500-len(all))] {
			all = append(all, calendar.Attendee{Email: a.Address, Name: a.Name, Kind: calendar.AttendeePerson, Response: calendar.ResponseNone, Optional: name == "Cc"})
		}
	}
	return all
}

// A part is a decoded part that may be a calendar.
type part struct {
	method string // of its Content-Type
	body   []byte
	err    error
}

// calendars are those in p that hold an event. The METHOD in a calendar goes before that of the part;
// without either it is only published (RFC 5546 section 3.2.1).
func (p part) calendars() ([]*ics.Calendar, error) {
	if p.err != nil {
		return nil, p.err
	}
	all, err := ics.Parse(p.body)
	all = slices.DeleteFunc(all, func(c *ics.Calendar) bool { return len(c.Events) == 0 })
	for _, c := range all {
		c.Method = cmp.Or(c.Method, strings.ToUpper(p.method), "PUBLISH")
	}
	return all, err
}

// A walker collects the parts of a mail that may be calendars.
type walker struct {
	count  int
	parts  [kindsOfPart][]part
	unread error // why a calendar may be there that is not read
}

func (w *walker) found() bool {
	return slices.ContainsFunc(w.parts[:], func(ps []part) bool { return len(ps) > 0 })
}

// message walks a message and returns its header.
func (w *walker) message(raw []byte, depth, forwards int) (message.Header, error) {
	header, body, err := cleanHeader(raw)
	if err != nil {
		return message.Header{}, err
	}
	e, _ := message.Read(io.MultiReader(bytes.NewReader(header), bytes.NewReader(body)))
	if e == nil {
		return message.Header{}, errNotMIME
	}
	return e.Header, w.entity(e, depth, forwards)
}

// entity walks e, a message or a part. An encoding or a charset that is not known leaves its body as it
// is.
func (w *walker) entity(e *message.Entity, depth, forwards int) error {
	if w.count++; w.count > maxParts {
		return fmt.Errorf("%w: over %d parts", errTooLarge, maxParts)
	}
	if depth > maxDepth {
		return fmt.Errorf("%w: parts %d deep", errTooLarge, depth)
	}
	mediaType, params, _ := e.Header.ContentType()
	mediaType, _, _ = strings.Cut(mediaType, ";") // the whole header, if its parameters are malformed
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	switch {
	case strings.HasPrefix(mediaType, "multipart/"):
		return w.multipart(e, params["boundary"], depth, forwards)
	case mediaType == "message/rfc822":
		if forwards == maxForwards {
			return nil
		}
		raw, err := readUpTo(e.Body, maxMail)
		if err != nil {
			return err
		}
		_, err = w.message(raw, depth+1, forwards+1)
		return err
	case mediaType == "application/ms-tnef", strings.Contains(strings.ToLower(e.Header.Get("Content-Type")+e.Header.Get("Content-Disposition")), "winmail.dat"):
		return w.tnef(e)
	case strings.HasSuffix(mediaType, "pkcs7-mime"):
		return w.signed(e, depth, forwards)
	case mediaType == "application/pgp-encrypted":
		w.unread = errEncrypted
	default:
		w.leaf(e, mediaType, params["method"])
	}
	return nil
}

// tnef keeps the meeting in a winmail.dat, if there is one.
func (w *walker) tnef(e *message.Entity) error {
	raw, err := readUpTo(e.Body, maxMail)
	if err != nil {
		return err
	}
	cal, err := tnef.Calendar(raw)
	switch {
	case errors.Is(err, tnef.ErrNoMeeting):
	case err != nil:
		w.unread = errTNEF
	case len(w.parts[winmail]) < maxCalendars:
		w.parts[winmail] = append(w.parts[winmail], part{body: cal})
	}
	return nil
}

// signed walks what is signed as a whole (S/MIME, RFC 8551 section 3.5.2). Who signed is not looked at: the mail's own
// proof is what counts. What is encrypted stays so.
func (w *walker) signed(e *message.Entity, depth, forwards int) error {
	raw, err := readUpTo(e.Body, maxMail)
	if err != nil {
		return err
	}
	p7, err := pkcs7.Parse(raw)
	if err != nil || len(p7.Content) == 0 {
		w.unread = errEncrypted
		return nil
	}
	_, err = w.message(p7.Content, depth+1, forwards)
	return err
}

func (w *walker) multipart(e *message.Entity, boundary string, depth, forwards int) error {
	body := e.Body
	if boundary == "" {
		raw, err := readUpTo(body, maxMail)
		if err != nil {
			return err
		}
		if boundary = guessBoundary(raw); boundary == "" {
			return errDamaged
		}
		body = bytes.NewReader(raw)
	}
	r := textproto.NewMultipartReader(body, boundary)
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errDamaged
		}
		sub, _ := message.New(message.Header{Header: p.Header}, p)
		if sub == nil {
			return errDamaged
		}
		if err := w.entity(sub, depth+1, forwards); err != nil {
			return err
		}
	}
}

// guessBoundary is the boundary of a body whose header does not say it.
func guessBoundary(body []byte) string {
	for line := range bytes.Lines(body) {
		if rest, ok := bytes.CutPrefix(line, []byte("--")); ok {
			return string(bytes.TrimSpace(rest))
		}
	}
	return ""
}

// leaf keeps e's body if it may be a calendar.
func (w *walker) leaf(e *message.Entity, mediaType, method string) {
	kind := looksLikeCalendar
	names := strings.ToLower(e.Header.Get("Content-Type") + e.Header.Get("Content-Disposition"))
	switch {
	case mediaType == "text/calendar":
		kind = textCalendar
	case mediaType == "application/ics":
		kind = applicationICS
	case strings.Contains(names, ".ics"):
		kind = namedICS
	}
	if len(w.parts[kind]) == maxCalendars {
		return
	}
	p := part{method: method}
	if kind == looksLikeCalendar {
		p.body, _ = io.ReadAll(io.LimitReader(e.Body, sniffed))
		if !bytes.Contains(p.body, []byte("BEGIN:VCALENDAR")) {
			return
		}
	}
	// Where the encoding is broken, what comes before that counts.
	rest, err := readUpTo(e.Body, maxCalendar-len(p.body))
	p.body = append(p.body, rest...)
	if errors.Is(err, errTooLarge) {
		p.err = fmt.Errorf("%w: a calendar of over %d bytes", errTooLarge, maxCalendar)
	}
	w.parts[kind] = append(w.parts[kind], p)
}

// readUpTo reads r, but not more than n bytes: if there are more, the error is errTooLarge.
func readUpTo(r io.Reader, n int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(n)+1))
	if len(b) > n {
		return nil, errTooLarge
	}
	if len(b) > 0 {
		err = nil
	}
	return b, err
}

// cleanHeader splits a message behind its header, and takes out of that what stands in no header: an
// mbox's From line, lines without a name, NULs.
func cleanHeader(raw []byte) (header, body []byte, err error) {
	raw = bytes.TrimLeft(raw, "\r\n")
	kept := false
	for len(raw) > 0 {
		line, rest := raw, []byte(nil)
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line, rest = raw[:i], raw[i+1:]
		}
		raw = rest
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			kept = kept && len(bytes.TrimSpace(line)) > 0
		} else {
			kept = isHeaderLine(line)
		}
		if !kept {
			continue
		}
		header = append(append(header, bytes.ReplaceAll(line, []byte{0}, nil)...), "\r\n"...)
		if len(header) > maxHeader-4 {
			return nil, nil, fmt.Errorf("%w: a header of over %d bytes", errTooLarge, maxHeader)
		}
	}
	return append(header, "\r\n"...), raw, nil
}

// isHeaderLine reports whether the line begins with a header's name (RFC 5322 section 2.2) and a colon,
// which some put a space before.
func isHeaderLine(line []byte) bool {
	name, _, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	return ok && len(name) > 0 && !bytes.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' })
}
