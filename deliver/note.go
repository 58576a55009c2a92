package deliver

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"example.com/syncd/schedule"
)

// longAgo stands for a time that nobody knows.
const longAgo = 1

// noteVersion is that of the notes that are written. A note of another version is none that can be read.
const noteVersion = 1

// A note is what a recorder's sink remembers of a schedule. There is no address in it: addresses hold passcodes.
type note struct {
	Version int `json:"v"`
	// Bot is the vendor's id of the schedule's bot, "" if there is none.
	Bot string `json:"bot,omitempty"`
	// Gen numbers the schedule's bots, for keys that must differ from one to the next.
	Gen int `json:"gen,omitempty"`
	// Asked is when a bot was asked for, in Unix seconds, and nobody knows whether it was made: there may be one more.
	// longAgo is some time in the past.
	Asked int64 `json:"asked,omitempty"`
	// For is the start for which it was asked for.
	For int64 `json:"for,omitempty"`
	// Start is the start for which Bot is.
	Start int64 `json:"start,omitempty"`
	// Rev and Try are the revision and the attempt that failed last. If the next attempt of that revision has the next
	// number, there was none in between of which nothing is known.
	Rev int `json:"rev,omitempty"`
	Try int `json:"try,omitempty"`
	// Place is the call in the vendor's own words, where bots are named by their call.
	Place string `json:"place,omitempty"`
}

// readNote reads what a sink has noted. Behind a note that can't be read there may be a bot: it has to be looked for.
func readNote(text string) note {
	if text == "" {
		return note{Version: noteVersion}
	}
	var n note
	if json.Unmarshal([]byte(text), &n) != nil || n.Version != noteVersion {
		return note{Version: noteVersion, Asked: longAgo}
	}
	return n
}

func (n note) String() string {
	if n == (note{Version: noteVersion}) {
		return ""
	}
	b, err := json.Marshal(n)
	if err != nil {
		panic(err) // numbers and text
	}
	return string(b)
}

// follows reports whether d is the first attempt of its message, or follows the one that was noted: there was none in
// between in which the process died.
func (n note) follows(d schedule.Delivery) bool {
	return d.Attempt <= 1 || n.Rev == d.Schedule.Revision && n.Try == d.Attempt-1
}

// holds reports whether the recorder may have a bot.
func (n note) holds() bool { return n.Bot != "" || n.Asked != 0 }

// fingerprint tells contents apart, without showing them.
func fingerprint(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}
