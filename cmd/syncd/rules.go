package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/internal/jsonl"
)

// loadRules puts together what the configuration has read, and what people said.
func loadRules(cfg *config.Config) (engine.Rules, error) {
	signals, err := signalsOf(cfg)
	if err != nil {
		return engine.Rules{}, err
	}
	return engine.Rules{
		Policy: cfg.Policy, Directory: eligibility.NewDirectory(cfg.Policy.Directory.Members), Signals: signals,
	}, nil
}

// ruleFiles are the files that rules come from.
func ruleFiles(cfg *config.Config) []string {
	files := config.PolicyFiles(cfg.PolicyPath, cfg.Policy)
	if cfg.Signals != "" {
		files = append(files, cfg.Signals)
	}
	return files
}

// lookEvery is how often the files of the rules are looked at. What has changed must have stayed as it is
// from one look to the next: a file that is being written is no file yet.
const lookEvery = 2 * time.Second

// retryEvery is how often rules that could not be used are read again although their files look the same: a file
// that a broken policy names is not watched yet, and a permission that was given back leaves no trace.
const retryEvery = 30 * time.Second

// An adopter takes up new rules: the engine.
type adopter interface {
	SetRules(engine.Rules)
	RulesFailed(error)
}

// watchRules reads policy, directory and signals again when one of their files changes. What can't be read
// changes nothing: the rules in force stay in force, and the log says what to mend.
func watchRules(ctx context.Context, cfg *config.Config, e adopter, log *slog.Logger) error {
	current := *cfg
	known := stamps(ruleFiles(&current))
	last := known
	failure, tried := "", time.Time{} // what is wrong with the rules in the files, and when that was seen
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		seen := stamps(ruleFiles(&current))
		settled := maps.Equal(seen, last)
		last = seen
		changed := !maps.Equal(seen, known)
		if retry := failure != "" && time.Since(tried) >= retryEvery; !settled || !changed && !retry {
			continue
		}
		known, tried = seen, time.Now()
		next := current
		rules, err := reload(&next)
		if err == nil {
			err = cutOff(current.Policy, next.Policy)
		}
		if err != nil {
			if changed || err.Error() != failure { // what has been said need not be said twice a minute
				log.Error("the new rules can't be used; the old ones stay in force", "error", err)
				e.RulesFailed(err)
			}
			failure = err.Error()
			continue
		}
		failure = ""
		current = next
		known = stamps(ruleFiles(&current)) // the policy may name another directory now
		for file := range known {
			if before, ok := seen[file]; ok { // as it was before it was read
				known[file] = before
			}
		}
		e.SetRules(rules)
		log.Info("the rules have changed; every meeting is decided again", "members", len(rules.Policy.Directory.Members), "signals", len(rules.Signals))
	}
}

// cutOff refuses a policy that has lost its whole directory while the daemon runs. Nobody means that; a file
// that was cut off, or is half copied, looks so, and would cancel every recording.
func cutOff(before, after *eligibility.Policy) error {
	if len(before.Directory.Members) == 0 || len(after.Directory.Members) > 0 {
		return nil
	}
	return errors.New("the policy lists nobody any more: is its file cut off? Restart syncd if nobody is to be recorded")
}

func reload(cfg *config.Config) (engine.Rules, error) {
	var err error
	if cfg.Policy, err = config.LoadPolicy(cfg.PolicyPath, driverNames()...); err != nil {
		return engine.Rules{}, err
	}
	return loadRules(cfg)
}

func driverNames() []string {
	var names []string
	for _, d := range drivers {
		names = append(names, d.Name)
	}
	return names
}

// A stamp is what of a file changes when it does. Those that are not there have none.
type stamp struct {
	size int64
	time time.Time
}

func stamps(files []string) map[string]stamp {
	all := map[string]stamp{}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			all[f] = stamp{info.Size(), info.ModTime()}
		}
	}
	return all
}

// signalsOf are what people said of a daemon's meetings. A file that is not there may have got lost, and what protects
// people with it; of recorded tenants there is nobody to protect.
func signalsOf(cfg *config.Config) ([]eligibility.Signal, error) {
	if !cfg.Clock.IsZero() {
		return readSignalsIfAny(cfg.Signals)
	}
	return readSignals(cfg.Signals)
}

// readSignalsIfAny is readSignals, but finds none where there is no file.
func readSignalsIfAny(file string) ([]eligibility.Signal, error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return readSignals(file)
}

// readSignals reads what people said of meetings. A signal may protect somebody, so a file with a bad
// line is no good at all.
func readSignals(file string) ([]eligibility.Signal, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("signals: %w; create an empty file if nobody has said anything yet", err)
	}
	defer f.Close()
	var signals []eligibility.Signal
	errs := jsonl.Each(file, f, func(line []byte) error {
		sig, err := parseSignal(line)
		signals = append(signals, sig)
		return err
	})
	return signals, errors.Join(errs...)
}

// parseSignal reads one line.
func parseSignal(line []byte) (eligibility.Signal, error) {
	var sig eligibility.Signal
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&sig); err != nil {
		return sig, jsonl.Plain(err)
	}
	if _, err := d.Token(); err != io.EOF { // two torn lines that grew together: one would be lost
		return sig, errors.New("more than one JSON value on the line")
	}
	switch {
	case sig.Meeting == "":
		return sig, errors.New(`the key "meeting" is missing or empty`)
	case sig.At.IsZero():
		return sig, errors.New(`the key "at" is missing`)
	case !sig.Known():
		return sig, fmt.Errorf("%q is no signal; it is one of opt_out, skip, record", sig.Signal)
	}
	return sig, nil
}
