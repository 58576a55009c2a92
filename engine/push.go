package engine

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"maps"
	"sync"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// What strangers may make us keep in memory.
const (
	maxClaims = 10_000
	maxName   = 1 << 10 // of a subscription or a resource
)

// pushRests is how long a calendar rests between two pulls that pushes ask for: a provider tells of each of a
// hundred changes that somebody makes at once.
const pushRests = 5 * time.Second

// A claim is what a push says of itself. Nobody has checked it yet.
type claim struct {
	connection   string
	subscription string
	resource     string
	secretHash   string
	ended        bool
}

// inbox is the claims that wait to be looked up, each once, in the order of their arrival. It is not stored: a
// push that a crash loses costs a poll.
type inbox struct {
	more chan struct{} // has something when there are claims

	mu      sync.Mutex
	claims  []claim
	known   map[claim]bool
	refused int // without a look
	// When pushes have had calendars pulled, or will have, some seconds ago at most.
	pulls map[calendar.SourceID]time.Time
	swept time.Time // when those were taken out that are over
}

func (i *inbox) put(claims []claim) {
	i.mu.Lock()
	for _, c := range claims {
		switch {
		case i.known[c]:
		case len(i.claims) >= maxClaims, len(c.subscription) > maxName, len(c.resource) > maxName:
			i.refused++
		default:
			if i.known == nil {
				i.known = map[claim]bool{}
			}
			i.known[c] = true
			i.claims = append(i.claims, c)
		}
	}
	i.mu.Unlock()
	select {
	case i.more <- struct{}{}:
	default:
	}
}

// empty takes all claims out.
func (i *inbox) empty() (claims []claim, refused int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	claims, refused = i.claims, i.refused
	i.claims, i.known, i.refused = nil, nil, 0
	return claims, refused
}

// at is when a push may have a calendar pulled: now, unless another one did so a moment ago, or soon will. A pull for
// another reason is no reason to wait: what the push tells of may have come behind it.
func (i *inbox) at(src calendar.SourceID, now time.Time) time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.pulls == nil {
		i.pulls = map[calendar.SourceID]time.Time{}
	}
	if now.Sub(i.swept) > pushRests {
		maps.DeleteFunc(i.pulls, func(_ calendar.SourceID, last time.Time) bool { return last.Add(pushRests).Before(now) })
		i.swept = now
	}
	last, had := i.pulls[src]
	switch {
	case had && last.After(now.Add(pushRests)): // by a clock that has been set back since
	case had && last.After(now):
		return last
	case had:
		now = later(now, last.Add(pushRests))
	}
	i.pulls[src] = now
	return now
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Pusher is the connection's connector, if pushes are configured, the connection is, and its provider pushes.
func (e *Engine) Pusher(driver, account string) (p connectors.Pusher, ok bool) {
	if e.PushURL == "" {
		return nil, false
	}
	p, ok = e.connections[driver+":"+account].Connector.(connectors.Pusher)
	return p, ok
}

// Pushed takes note of pushes that came for a connection, whoever sent them, and returns at once. Those that
// know the secret of a subscription have its calendar pulled soon.
func (e *Engine) Pushed(driver, account string, pushes []connectors.Push) {
	if len(pushes) == 0 {
		return
	}
	claims := make([]claim, len(pushes))
	for i, p := range pushes {
		claims[i] = claim{driver + ":" + account, p.Subscription, p.Resource, hashOf(p.Secret), p.Ended}
	}
	e.inbox.put(claims)
}

// listen takes pushes up as they come, beside the passes: one may go on for minutes.
func (e *Engine) listen(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.inbox.more:
			if err := e.take(ctx); err != nil && ctx.Err() == nil {
				e.Log.Error("the store can't be used; pushes are looked up later", "error", err)
				e.pause(ctx, e.jitter(failsRest), nil)
			}
		}
	}
}

// take looks up what came. What can't be looked up now is kept.
func (e *Engine) take(ctx context.Context) error {
	claims, wrong := e.inbox.empty()
	err := e.believe(ctx, claims, wrong)
	if err != nil {
		e.inbox.put(claims)
	}
	return err
}

// believe looks up claims, and makes due what is believed. A calendar that is being pulled right now is
// pulled once more: the store counts pushes, and a pull that did not see them all is not the last word.
func (e *Engine) believe(ctx context.Context, claims []claim, wrong int) error {
	due := map[calendar.SourceID]bool{}
	wake := false
	for _, c := range claims {
		sub, state, ok, err := e.Store.Subscription(ctx, c.subscription)
		if err != nil {
			return fmt.Errorf("look up a push: %w", err)
		}
		if !ok || !c.holds(sub, state.Source) {
			wrong++
			continue
		}
		if c.ended {
			if err := e.Store.DropSubscription(ctx, sub.ID); err != nil {
				return fmt.Errorf("drop the subscription of %s: %w", state.ID, err)
			}
			e.Log.Info("a provider has ended its pushes of a calendar", "source", state.ID)
		}
		if due[state.ID] {
			continue
		}
		due[state.ID] = true
		if err := e.Store.MakeDue(ctx, state.ID, e.inbox.at(state.ID, e.Now())); err != nil {
			return fmt.Errorf("make %s due: %w", state.ID, err)
		}
		// Who was told to wait does so: the calendar is pulled when the wait is over.
		wake = wake || state.Failures == 0
	}
	if wake {
		e.Wake()
	}
	if wrong > 0 {
		e.Log.Debug("pushes of no subscription were left alone", "count", wrong)
	}
	return nil
}

// holds reports whether c knows what only the subscription's provider does.
func (c claim) holds(sub Subscription, src calendar.Source) bool {
	connection, _ := principals(src)
	return subtle.ConstantTimeCompare([]byte(c.secretHash), []byte(sub.SecretHash)) == 1 && c.connection == connection &&
		(c.resource == "" || sub.Resource == "" || c.resource == sub.Resource)
}
