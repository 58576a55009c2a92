package calendar

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// An Exchange GlobalObjectID as text (MS-OXOCAL section 2.2.1.27): a fixed prefix of 16 bytes, the
// date of the instance (4 bytes), its creation (8), 8 reserved, the size of the data (4, little
// endian), the data; all in hexadecimal.
const (
	globalObjectIDPrefix = "040000008200E00074C5B7101A82E008"
	instanceDateAt       = 32 // hexadecimal digits before the instance date
	instanceDateEnd      = 40
	objectIDDataAt       = 80
)

// vCalUID marks, in the data of a GlobalObjectID, that a foreign UID follows (MS-OXCICAL section
// 2.1.3.1.1.20.26).
const vCalUID = "vCal-Uid\x01\x00\x00\x00"

// CanonicalUID brings the UIDs that different calendars give to one meeting to one form:
//   - an Exchange GlobalObjectID loses its instance date, which only exceptions of a series carry,
//     and is in upper case;
//   - a foreign UID that Exchange wrapped into a GlobalObjectID is unwrapped;
//   - anything else is left alone but for white space around it (UIDs are case-sensitive, RFC 7986
//     section 5.3).
//
// It is idempotent.
func CanonicalUID(uid string) string {
	uid = strings.TrimSpace(uid)
	// A wrapped UID may itself be a GlobalObjectID; each unwrapping makes it shorter.
	for {
		inner, ok := unwrapObjectID(uid)
		if !ok {
			return uid
		}
		if inner == "" {
			return zeroInstanceDate(uid)
		}
		uid = strings.TrimSpace(inner)
	}
}

// unwrapObjectID reports whether uid is a GlobalObjectID, and the foreign UID in it, if any.
func unwrapObjectID(uid string) (inner string, ok bool) {
	if len(uid) < objectIDDataAt || len(uid)%2 != 0 || !strings.EqualFold(uid[:instanceDateAt], globalObjectIDPrefix) {
		return "", false
	}
	data, err := hex.DecodeString(uid[objectIDDataAt:])
	if err != nil {
		return "", false
	}
	if _, err := hex.DecodeString(uid[instanceDateAt:objectIDDataAt]); err != nil {
		return "", false
	}
	// Some writers leave out the three zero bytes behind the marker's 0x01.
	for _, mark := range []string{vCalUID, vCalUID[:9]} {
		if rest, found := strings.CutPrefix(string(data), mark); found {
			rest = strings.TrimRight(rest, "\x00")
			if strings.TrimSpace(rest) == "" {
				return "", true
			}
			return rest, true
		}
	}
	return "", true
}

func zeroInstanceDate(uid string) string {
	uid = strings.ToUpper(uid)
	return uid[:instanceDateAt] + "00000000" + uid[instanceDateEnd:]
}

// InstanceDate is the day, "2026-11-24", that a GlobalObjectID carries when it names one instance of
// a series, else "".
func InstanceDate(uid string) string {
	uid = strings.TrimSpace(uid)
	if _, ok := unwrapObjectID(uid); !ok {
		return ""
	}
	b, err := hex.DecodeString(uid[instanceDateAt:instanceDateEnd])
	if err != nil || b[0] == 0 && b[1] == 0 {
		return ""
	}
	year, month, day := int(b[0])<<8|int(b[1]), int(b[2]), int(b[3])
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
}
