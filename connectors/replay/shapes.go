package replay

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"regexp"
	"strings"
)

// shape is a pseudonym of the same shape: digits for digits, letters for letters, and everything else
// as it was, with escapes (%3A). Values that differ in punctuation alone, as a meeting's number in
// groups of three, have pseudonyms that do too.
func (r *Redactor) shape(s string) string {
	var core []byte
	each(s, func(c byte) byte {
		core = append(core, c)
		return c
	})
	if strings.Trim(string(core), "0") == "" {
		return each(s, func(c byte) byte { return c })
	}
	made, ok := r.shapes[string(core)]
	for try := 0; !ok; try++ {
		// Made from the number alone: a hash of a meeting's id would give it away to whoever tries all ids.
		made = alike(string(core), rand.New(rand.NewPCG(uint64(r.index("shape", string(core))), uint64(try))))
		if ok = !r.taken[made] || try > 20; ok { // there are few one-letter words
			r.taken[made], r.shapes[string(core)] = true, made
		}
	}
	i := -1
	return each(s, func(byte) byte {
		i++
		return made[i]
	})
}

// each replaces what can be changed in s.
func each(s string, f func(byte) byte) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b.WriteString(s[i : i+3])
			i += 2
		case c >= 0x80:
			b.WriteByte('x') // of a letter somewhere in the world
		case isWord(c):
			b.WriteByte(f(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isWord(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isHex(c byte) bool  { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// hexadecimal ids stay so; Webex puts a letter before them.
var hexadecimal = regexp.MustCompile(`^([a-z]?)(?:[0-9a-f]{8,}|[0-9A-F]{8,})$`)

func alike(core string, rng *rand.Rand) string {
	letters, from := 26, 0
	if m := hexadecimal.FindStringSubmatch(core); m != nil && strings.ContainsAny(core, "0123456789") {
		letters, from = 6, len(m[1])
	}
	b := []byte(core)
	for i := range b {
		switch c := b[i]; {
		case i < from || c == '0':
		case c <= '9':
			b[i] = '1' + byte(rng.IntN(9))
		case c <= 'Z':
			b[i] = 'A' + byte(rng.IntN(letters))
		default:
			b[i] = 'a' + byte(rng.IntN(letters))
		}
	}
	return string(b)
}

func (r *Redactor) guid(s string) string {
	if strings.HasSuffix(strings.ToLower(s), "-c000-000000000046") || strings.HasPrefix(s, "00000000-0000") { // Microsoft's own
		return s
	}
	return strings.ToLower(r.shape(strings.ToLower(s)))
}

var attempt = regexp.MustCompile(`\.\d+$`)

// secret is a placeholder. Numbers stay numbers, since they are dialled.
func (r *Redactor) secret(s string) string {
	switch {
	case strings.HasPrefix(s, "redacted"):
		return s
	case strings.Trim(s, "0123456789 -") == "":
		return r.shape(s)
	}
	return r.name("redacted", s) + attempt.FindString(s)
}

// instance is what Google puts behind a series' id to name one occurrence, or a part of the series.
var instance = regexp.MustCompile(`_R?\d{8}(?:T\d{6}Z?)?$`)

// eventID is an event's id of Google's. It is a random one, but "_" stands before one that is made
// from a foreign UID, in base32, and foreign UIDs have all sorts of things in them.
func (r *Redactor) eventID(s string) string {
	of := instance.FindString(s)
	foreign, ok := strings.CutPrefix(strings.TrimSuffix(s, of), "_")
	if !ok {
		return s
	}
	return "_" + r.shape(foreign) + of
}

// An Exchange GlobalObjectID as text (MS-OXOCAL section 2.2.1.27): a fixed prefix, the date of the
// instance, the time of creation, 8 reserved bytes, the size of the data, the data; all hexadecimal.
const (
	objectID     = "040000008200E00074C5B7101A82E008"
	objectIDSize = 72 // digits before the size
	objectIDData = 80
	vCalUID      = "vCal-Uid\x01\x00\x00\x00" // before a foreign UID in the data
)

// uid is a UID of the same form. Exchange wraps foreign ones; the same one is recognised in both forms.
func (r *Redactor) uid(s string) string {
	if data, err := hex.DecodeString(s); err == nil && len(s) > objectIDData && strings.EqualFold(s[:len(objectID)], objectID) {
		inner, ok := strings.CutPrefix(string(data[objectIDData/2:]), vCalUID)
		if !ok {
			// Upper case for all: only occurrences of a series have it in lower case at times.
			return s[:objectIDData] + r.shape(strings.ToUpper(s[objectIDData:]))
		}
		wrapped := []byte(vCalUID + r.uid(strings.TrimRight(inner, "\x00")) + "\x00")
		size := binary.LittleEndian.AppendUint32(nil, uint32(len(wrapped)))
		return s[:objectIDSize] + strings.ToUpper(hex.EncodeToString(size)+hex.EncodeToString(wrapped))
	}
	m := address.FindStringSubmatch(s)
	switch {
	case m == nil || m[0] != s:
		return r.shape(s)
	case strings.EqualFold(m[4], "google.com"):
		return r.eventID(m[2]) + m[3] + m[4]
	case !strangeAddress(m[4]) && !below(m[4], identifierDomains):
		return s
	}
	return r.shape(m[2]) + m[3] + r.mailHost(strings.ToLower(m[4]))
}
