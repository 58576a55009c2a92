package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/console"
	"example.com/syncd/serve/tokens"
	"example.com/syncd/serve/whatif"
	"example.com/syncd/store"
)

// consoleActions are what people do on the pages. Who may do it has been asked by the console; logs name people by the
// doors' ids alone.
type consoleActions struct {
	*consoleData
	catalog engine.Catalog
	signals *store.Signals
	changed func()
	log     *slog.Logger

	trying sync.Mutex // one policy at a time: each decides everything twice
}

var _ console.Actions = (*consoleActions)(nil)

// acts are the scopes that open what people do on pages.
var acts = map[console.Act]tokens.Scope{
	console.Say: tokens.Signals, console.Retry: tokens.Deliveries, console.Release: tokens.Quarantine, console.Try: tokens.Admin, console.Connect: tokens.Admin,
}

// mayAct reports whether somebody may do that.
func (a *consoleActions) mayAct(ctx context.Context, act console.Act) bool {
	scope, known := acts[act]
	status, _ := access.Denied(ctx, scope)
	return known && status == 0
}

// visitor is who is logged in.
func visitor(ctx context.Context) (name string, known bool) {
	who, known := access.From(ctx)
	for _, name := range []string{who.Email, who.Name, who.ID} {
		if name != "" {
			return name, known
		}
	}
	return "", known
}

// errBroken is what people are told of what the log says.
var errBroken = errors.New("something is broken here; the daemon's log says what")

func (a *consoleActions) broken(ctx context.Context, what string, err error) error {
	if ctx.Err() == nil {
		a.log.Error(what, "error", err)
	}
	return errBroken
}

// noted logs what somebody has done, and has the pages show it.
func (a *consoleActions) noted(ctx context.Context, what string, args ...any) {
	who, _ := access.From(ctx)
	a.log.Info(what, append([]any{"who", who.ID}, args...)...)
	a.changed()
}

// speaker is in whose name somebody says something. Who has logged in with a token that speaks for nobody is named by the
// token's id, and not by its name, which might be somebody else's address.
func speaker(ctx context.Context) string {
	who, _ := access.From(ctx)
	return cmp.Or(who.Email, who.ID)
}

// Say notes what somebody wants of a meeting.
func (a *consoleActions) Say(ctx context.Context, _ string, k calendar.Key, signal string) error {
	s := eligibility.Signal{Meeting: k, Email: speaker(ctx), Signal: signal, At: a.engine.Now().UTC().Truncate(time.Millisecond)}
	if err := a.signals.Say(ctx, s); err != nil {
		return a.broken(ctx, "a signal could not be noted", err)
	}
	a.noted(ctx, "a signal was given", "signal", signal)
	return nil
}

// TakeBack takes out what somebody said.
func (a *consoleActions) TakeBack(ctx context.Context, _ string, about calendar.Key) error {
	n, err := a.signals.TakeBack(ctx, about, speaker(ctx), a.engine.Now())
	switch {
	case err != nil:
		return a.broken(ctx, "signals could not be taken back", err)
	case n == 0:
		return errors.New("it has been taken back already")
	}
	a.noted(ctx, "signals were taken back", "signals", n)
	return nil
}

// Retry has a message tried again.
func (a *consoleActions) Retry(ctx context.Context, _, delivery string) error {
	id, err := strconv.ParseInt(delivery, 10, 64)
	if err != nil {
		return errors.New("there is no such delivery")
	}
	_, err = a.deliveries.Retry(ctx, id, a.engine.Now())
	switch {
	case errors.Is(err, engine.ErrUnknown):
		return errors.New("there is no such delivery any more")
	case errors.Is(err, store.ErrDone), errors.Is(err, store.ErrOvertaken):
		return err
	case err != nil:
		return a.broken(ctx, "a delivery could not be tried again", err)
	}
	a.noted(ctx, "a delivery is tried again", "delivery", id)
	return nil
}

// Release believes letters.
func (a *consoleActions) Release(ctx context.Context, _, letter string) error {
	_, err := a.catalog.ReleaseLetter(ctx, clean(letter))
	switch {
	case errors.Is(err, engine.ErrUnknown):
		return errors.New("this letter is not held any more")
	case err != nil:
		return a.broken(ctx, "a letter could not be released", err)
	}
	a.noted(ctx, "a held mail is believed", "mail", letter)
	a.engine.Wake()
	return nil
}

// Try says what another policy would do.
func (a *consoleActions) Try(ctx context.Context, _ string, policy []byte) (whatif.Result, error) {
	if !a.trying.TryLock() {
		return whatif.Result{}, console.ErrBusy
	}
	defer a.trying.Unlock()
	sources, err := a.store.Sources(ctx)
	if err != nil {
		return whatif.Result{}, fmt.Errorf("read the sources: %w", err)
	}
	now := a.rules.inForce()
	return whatif.Trial{
		Reader: a.store, Now: a.engine.Now(), Current: now.Policy, File: a.cfg.PolicyPath, Drivers: driverNames(),
		Judge: judging(a.cfg, sources),
	}.Try(ctx, policy)
}
