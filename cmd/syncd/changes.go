package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// changes tells pages that what they show may have changed.
type changes struct {
	mu     sync.Mutex
	open   map[chan struct{}]bool // nil: the daemon ends
	seen   string
	health func(context.Context) engine.Health
	kept   *store.Overview
	now    func() time.Time
}

// newChanges are those of a store and an engine, until ctx ends.
func newChanges(ctx context.Context, e *engine.Engine, st *store.Store) *changes {
	c := &changes{open: map[chan struct{}]bool{}, health: e.Health, kept: st.Overview(), now: e.Now}
	context.AfterFunc(ctx, c.end)
	return c
}

// follow is a channel that receives when something may have changed, until ctx ends. It is closed when the daemon ends.
func (c *changes) follow(ctx context.Context) <-chan struct{} {
	follower := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		close(follower)
		return follower
	}
	c.open[follower] = true
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, follower)
	})
	return follower
}

func (c *changes) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for follower := range c.open {
		close(follower)
	}
	c.open = nil
}

// tell has every follower look again.
func (c *changes) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for follower := range c.open {
		select {
		case follower <- struct{}{}:
		default: // it has one word that it has not read
		}
	}
}

// look tells if what other processes and this one have written is not what it was.
func (c *changes) look(ctx context.Context) error {
	v, err := c.kept.Version(ctx, c.now())
	if err != nil {
		return err
	}
	h := c.health(ctx)
	now := fmt.Sprint(v, h.Rules, h.Connections)
	c.mu.Lock()
	same := c.seen == now
	c.seen = now
	c.mu.Unlock()
	if !same {
		c.tell()
	}
	return nil
}
