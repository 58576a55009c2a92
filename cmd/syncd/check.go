package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/syncd/calendar"
	"example.com/syncd/config"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// checkCommand tries the set-up and names what to mend.
type checkCommand struct {
	configFlag
	Timeout time.Duration `default:"60s" help:"How long to wait for each connection (${default})."`
	Sample  int           `default:"100" help:"How many calendars of each connection to read, spread over all of them; 0 reads all (${default})." placeholder:"N"`
}

func (c *checkCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	d := &doctor{out: s.out}
	d.ok("configuration "+cfg.Path+", policy "+cfg.PolicyPath, fmt.Sprintf("%d members", len(cfg.Policy.Directory.Members)))
	usable, sealed := d.store(ctx, cfg), cfg.KeysetFile != "" || os.Getenv(keysetVariable) != ""
	var vault *store.Vault
	if usable {
		if vault, err = openVault(ctx, cfg, false); err != nil {
			return usageError{err}
		}
		if vault != nil {
			d.ok("keys", "they can be used")
		}
	}
	return closeVault(vault, c.tryAll(ctx, s, d, cfg, vault, usable || !sealed))
}

// tryAll tries connections, targets and the HTTP side, one after the other.
func (c *checkCommand) tryAll(ctx context.Context, s streams, d *doctor, cfg *config.Config, vault *store.Vault, connect bool) error {
	now := clock(cfg)
	seen := &clocks{now: time.Now}
	told, err := targets(cfg, s.out)
	var connections []engine.Connection
	if connect {
		var failed error
		connections, failed = openAll(cfg, vault, nil, nil, slog.New(slog.DiscardHandler), now, seen.around)
		err = errors.Join(failed, err)
	}
	if err != nil {
		return usageError{err}
	}
	if !connect {
		d.fail(aConnection, "connections", errNotTried.Error(), "mend the store, and check again")
	}
	var members []string
	for _, m := range cfg.Policy.Directory.Members {
		members = append(members, m.Email)
	}
	for _, conn := range connections {
		horizon := engine.Horizon(now(), time.Duration(cfg.Horizon.Past), time.Duration(cfg.Horizon.Future), 0)
		about, f := "connection "+conn.String(), c.try(ctx, s, conn, members, horizon)
		if f.first != "" {
			d.fail(aConnection, about, f.says, f.first)
		} else {
			d.ok(about, f.says)
		}
		for _, line := range f.refusals {
			d.warn(about, line)
		}
		if imp, listed := cfg.Policy.Import[conn.Driver]; !listed || !imp.Enabled {
			d.warn(about, fmt.Sprintf("the policy does not import it, nothing of it counts (import.%s.enabled)", conn.Driver))
		}
	}
	d.targets(ctx, told, c.Timeout)
	if store.Shared(cfg.Store) {
		d.ownFiles(cfg.Deliver)
	}
	d.server(ctx, cfg, seen)
	d.clock(seen)
	return d.conclude()
}

// finding is what trying a connection came to.
type finding struct {
	says     string   // in a sentence
	refusals []string // calendars that may not be read, by cause
	first    string   // what to mend first, if the connection does not work
}

// broken is a connection that does not work, for one reason.
func broken(err error) finding { return finding{says: plain(err), first: plain(err)} }

// plain is err without the kind that is behind what connectors say.
func plain(err error) string {
	says := err.Error()
	for _, kind := range []error{connectors.ErrAccess, connectors.ErrSource} {
		says = strings.TrimSuffix(says, ": "+kind.Error())
	}
	return says
}

// try asks the connection for its calendars and pulls a page of some of them.
func (c *checkCommand) try(ctx context.Context, s streams, conn engine.Connection, members []string, horizon calendar.Window) finding {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	sources, err := conn.Connector.Sources(ctx, members)
	if err != nil {
		return broken(err)
	}
	if _, ok := conn.Connector.(connectors.Consenter); ok && len(sources) == 0 {
		return broken(fmt.Errorf("nobody has consented yet: syncd connect %s", conn))
	}
	if len(sources) == 0 {
		return finding{says: "it has no calendars; are its users named right?", first: "name the users of the connection " + conn.String()}
	}
	tried := spread(sources, c.Sample)
	var mu sync.Mutex
	refused := map[string][]string{} // by cause
	done, bad := 0, 0
	var refusal, failure error
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, src := range tried {
		g.Go(func() error {
			_, err := conn.Connector.Pull(ctx, src, "", horizon)
			mu.Lock()
			defer mu.Unlock()
			done++
			switch {
			case errors.Is(err, connectors.ErrAccess), errors.Is(err, connectors.ErrSource):
				bad++
				refused[cause(err, src)] = append(refused[cause(err, src)], src.Calendar)
				refusal = err
			case err != nil:
				failure = fmt.Errorf("%s: %w", src.Calendar, err)
				return failure // the others would fare alike
			}
			if done%500 == 0 {
				fmt.Fprintf(s.err, "%s: %d of %d calendars tried\n", conn, done, len(tried))
			}
			return nil
		})
	}
	if g.Wait() != nil {
		return broken(failure)
	}
	f := finding{says: fmt.Sprintf("%d of %d calendars can be read", len(tried)-bad, len(tried))}
	if len(tried) < len(sources) {
		f.says += fmt.Sprintf(" (a sample of %d; --sample 0 tries all)", len(sources))
	}
	if bad == len(tried) {
		f.says, f.first = "no calendar may be read: "+plain(refusal), plain(refusal)
		if len(refused) == 1 {
			return f
		}
	}
	for _, why := range slices.SortedFunc(maps.Keys(refused), func(a, b string) int {
		return cmp.Or(-cmp.Compare(len(refused[a]), len(refused[b])), cmp.Compare(a, b))
	}) {
		f.refusals = append(f.refusals, fmt.Sprintf("%s: %s", some(refused[why]), why))
	}
	return f
}

// cause is err without the calendar that it is about, so that alike refusals are told once.
func cause(err error, src calendar.Source) string {
	return strings.NewReplacer(src.Calendar, "…", src.Reader(), "…").Replace(plain(err))
}

// some names the first few.
func some(calendars []string) string {
	slices.Sort(calendars)
	const few = 5
	if len(calendars) <= few {
		return strings.Join(calendars, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(calendars[:few], ", "), len(calendars)-few)
}

// spread takes n of the sources, evenly; all of them if n is 0.
func spread(sources []calendar.Source, n int) []calendar.Source {
	if n <= 0 || n >= len(sources) {
		return sources
	}
	taken := make([]calendar.Source, 0, n)
	for i := range n {
		taken = append(taken, sources[i*len(sources)/n])
	}
	return taken
}
