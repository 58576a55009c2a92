// Package tokens has the bearer tokens of the API: what they look like, how they are kept, and what they open.
package tokens

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Scope is something that a token, or a person, may do.
type Scope string

// The scopes.
const (
	Read       Scope = "read"
	Signals    Scope = "signals"
	Deliveries Scope = "deliveries"
	Quarantine Scope = "quarantine"
	Admin      Scope = "admin"
)

// table says what each scope opens.
var table = []struct {
	Scope Scope
	Opens string
}{
	{Read, "see schedules and their changes, meetings and why they are recorded or not, calendars, connections, and the directory"},
	{Signals, "see what people said of meetings, and say of a meeting that it is to be skipped or recorded, or opt out of it"},
	{Deliveries, "see what is on its way to recorders, and have it tried again"},
	{Quarantine, "see mails that are held, and have them believed"},
	{Admin, "all of these, and speak for others"},
}

// All are all scopes, in the order in which people read them.
func All() Scopes {
	var all Scopes
	for _, row := range table {
		all = append(all, row.Scope)
	}
	return all
}

// Opens says in words what s opens, "" of an unknown one.
func (s Scope) Opens() string {
	for _, row := range table {
		if row.Scope == s {
			return row.Opens
		}
	}
	return ""
}

// Scopes are a set of scopes.
type Scopes []Scope

// Has reports whether s is open. Admin opens everything.
func (all Scopes) Has(s Scope) bool { return slices.Contains(all, s) || slices.Contains(all, Admin) }

// String is the scopes with commas between them, as ParseScopes reads them.
func (all Scopes) String() string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = string(s)
	}
	return strings.Join(words, ",")
}

// ParseScopes reads scopes with commas between them, and refuses unknown ones.
func ParseScopes(text string) (Scopes, error) {
	var found Scopes
	for word := range strings.SplitSeq(text, ",") {
		s := Scope(strings.TrimSpace(word))
		if s.Opens() == "" {
			return nil, fmt.Errorf("%q is no scope; they are %s", string(s), All())
		}
		if !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	return found, nil
}

// A Token is one as stored: without its secret.
type Token struct {
	ID     string
	Name   string // what it is for, in words
	Hash   []byte // SHA-256 of its text
	Scopes Scopes
	// Email is the address of the person for whom it speaks, "" if for nobody.
	Email  string
	MadeAt time.Time
	Until  time.Time // when it ends; zero: never
	// UsedAt is when it was used last, to some minutes; zero: never.
	UsedAt    time.Time
	RevokedAt time.Time // zero: it is not
}

// secretBytes are as many as nobody guesses: a plain SHA-256 is enough to keep them by.
const secretBytes = 32

// Generate makes a token's id and its text, which is shown once: "syncd_ID_SECRET".
func Generate() (id, text string) {
	secret := make([]byte, secretBytes)
	rand.Read(secret) // which never fails
	id = strings.ToLower(rand.Text()[:10])
	return id, "syncd_" + id + "_" + base64.RawURLEncoding.EncodeToString(secret)
}

// ID is the id in a token's text; ok is false if it is none.
func ID(text string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(text, "syncd_")
	if !ok {
		return "", false
	}
	id, secret, ok := strings.Cut(rest, "_")
	if !ok || id == "" || len(id) > 32 {
		return "", false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	return id, err == nil && len(b) == secretBytes
}

// Hash is what is kept of a token's text.
func Hash(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// Is reports whether the hash is t's, in a time that does not depend on how much of it is right.
func (t Token) Is(hash []byte) bool { return subtle.ConstantTimeCompare(t.Hash, hash) == 1 }

// Live reports whether t opens anything at now.
func (t Token) Live(now time.Time) bool {
	return t.RevokedAt.IsZero() && (t.Until.IsZero() || now.Before(t.Until))
}
