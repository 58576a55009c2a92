package engine

import (
	"sync"
	"time"

	"example.com/syncd/calendar"
)

// parking is whom a provider has told to wait: a user, in all of whose calendars nothing is read meanwhile,
// or a whole connection. It is not stored: after a restart the provider says so again. The zero value is
// empty.
type parking struct {
	mu    sync.Mutex
	waits map[string]time.Time // by connection, and by connection and user
}

func principals(s calendar.Source) (connection, user string) {
	connection = s.Driver + ":" + s.Account
	return connection, connection + "/" + s.Reader()
}

// until is when s may be read again; long past if it may be.
func (p *parking) until(s calendar.Source) time.Time {
	connection, user := principals(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	return later(p.waits[connection], p.waits[user])
}

// park leaves s's user, or the whole connection, alone until then.
func (p *parking) park(s calendar.Source, whole bool, until time.Time) {
	who, user := principals(s)
	if !whole {
		who = user
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waits == nil {
		p.waits = map[string]time.Time{}
	}
	p.waits[who] = later(p.waits[who], until)
}

// release forgets who waits no more, so that the map does not grow with every user there ever was.
func (p *parking) release(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for who, until := range p.waits {
		if !until.After(now) {
			delete(p.waits, who)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
