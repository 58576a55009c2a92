package fakegraph

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Ids come in two forms ("Obtain immutable identifiers for Outlook resources"): the default one changes
// when the item goes to another folder, the immutable one does not. Both lead to the item.
const (
	immutablePrefix = "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A"
	defaultPrefix   = "AAMkADAwATM3ZmYAZS"
	calendarPrefix  = "AAMkADAwATM3ZmYBgA"
)

// id names an item, or the n-th occurrence of its series if n is not negative.
func (m *mailbox) id(it *item, n int, immutable bool) string {
	key := it.key
	if n >= 0 {
		key += "." + strconv.Itoa(n)
	}
	if immutable {
		if it.ID != "" {
			return key
		}
		return immutablePrefix + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%08x|%s", uint32(sum(m.owner.ID)), key))
	}
	folder := fmt.Sprintf("%08x", uint32(sum(it.Calendar)))
	return defaultPrefix + base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "%08x|%s|%s", uint32(sum(m.owner.ID)), folder, key))
}

// find is the item, and the number of its occurrence, or -1, that an id of either form names.
func (m *mailbox) find(id string) (*item, int) {
	key := id
	if code, ok := strings.CutPrefix(id, immutablePrefix); ok {
		b, _ := base64.RawURLEncoding.DecodeString(code)
		_, key, _ = strings.Cut(string(b), "|")
	} else if code, ok := strings.CutPrefix(id, defaultPrefix); ok {
		b, _ := base64.URLEncoding.DecodeString(code)
		if parts := strings.SplitN(string(b), "|", 3); len(parts) == 3 {
			key = parts[2]
		}
	}
	n := -1
	it := m.items[key]
	if it == nil {
		dot := strings.LastIndex(key, ".")
		if dot < 0 {
			return nil, -1
		}
		var err error
		if n, err = strconv.Atoi(key[dot+1:]); err != nil || n < 0 {
			return nil, -1
		}
		it = m.items[key[:dot]]
	}
	// Another mailbox's id, or the id from before the item was moved, leads to nothing.
	if it == nil || id != m.id(it, n, true) && id != m.id(it, n, false) {
		return nil, -1
	}
	return it, n
}

const objectIDPrefix = "040000008200E00074C5B7101A82E008"

// newUID is a UID of Exchange's own making (MS-OXOCAL section 2.2.1.27): made at t.
func newUID(t time.Time, seed ...any) string {
	const ticks1601 = 116444736000000000 // from 1601 to 1970, in 100 ns
	var created [8]byte
	binary.LittleEndian.PutUint64(created[:], uint64(t.UnixNano()/100+ticks1601))
	data := fmt.Sprintf("%016X%016X", sum(append([]any{"uid1"}, seed...)...), sum(append([]any{"uid2"}, seed...)...))
	return objectIDPrefix + "00000000" + strings.ToUpper(hex.EncodeToString(created[:])) + "0000000000000000" + "10000000" + data
}

// iCalUID is the event's UID as Exchange gives it out: with the day of the occurrence in it, and a
// foreign UID wrapped (MS-OXOCAL section 2.2.1.27, MS-OXCICAL section 2.1.3.1.1.20.26).
func (e Event) iCalUID(occurrence time.Time) string {
	date := "00000000"
	if !occurrence.IsZero() {
		y, m, d := occurrence.In(e.location()).Date()
		date = fmt.Sprintf("%04X%02X%02X", y, int(m), d)
	}
	if rest, own := strings.CutPrefix(strings.ToUpper(e.UID), objectIDPrefix); own && len(rest) >= 8 {
		return objectIDPrefix + date + rest[8:]
	}
	data := "vCal-Uid\x01\x00\x00\x00" + e.UID + "\x00"
	var size [4]byte
	binary.LittleEndian.PutUint32(size[:], uint32(len(data)))
	return objectIDPrefix + date + strings.Repeat("0", 32) + strings.ToUpper(hex.EncodeToString(size[:])+hex.EncodeToString([]byte(data)))
}
