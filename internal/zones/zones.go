// Package zones finds time zones by the names that calendars give them: IANA names in any case, and
// the ids of Windows. A name that is in neither table is unknown; nothing is guessed.
package zones

//go:generate go run gen.go cldr-core/package/supplemental/windowsZones.json $GOROOT

import (
	"strings"
	"sync"
	"time"
)

// canonical maps lower-case IANA names to the names as the database writes them.
var canonical = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for name := range strings.FieldsSeq(ianaNames) {
		m[strings.ToLower(name)] = name
	}
	return m
})

// IANA is the zone called name, in any case, in the time zone database.
func IANA(name string) (*time.Location, bool) {
	proper, ok := canonical()[strings.ToLower(strings.TrimSpace(name))]
	if !ok {
		return nil, false
	}
	loc, err := time.LoadLocation(proper)
	return loc, err == nil
}

// Windows is the IANA zone of a Windows time zone id, such as "W. Europe Standard Time", in any case:
// the one that CLDR takes where the territory is not known.
func Windows(id string) (*time.Location, bool) {
	name, ok := windows[strings.ToLower(strings.TrimSpace(id))]
	if !ok {
		return nil, false
	}
	return IANA(name)
}
