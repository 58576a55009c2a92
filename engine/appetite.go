package engine

import "sync"

// appetite is whether more sources are due than this process has admitted. Then the next round does not wait for its
// time, but for some pulls to end. The zero value wants nothing.
type appetite struct {
	mu     sync.Mutex
	hungry bool
	ended  int // pulls, since the last round began
}

// begin is before a round, and admitted behind it.
func (a *appetite) begin() {
	a.mu.Lock()
	a.ended = 0
	a.mu.Unlock()
}

func (a *appetite) admitted(more bool) {
	a.mu.Lock()
	a.hungry = more
	a.mu.Unlock()
}

// pulled counts a pull that ended, and reports whether to admit others now: a few at a time, since a round costs as much
// as some pulls.
func (a *appetite) pulled(parallel int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended++
	if !a.hungry || a.ended < max(1, parallel/2) {
		return false
	}
	a.hungry = false
	return true
}
