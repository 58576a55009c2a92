package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
)

// rulesOf are those that the configuration has read.
func rulesOf(cfg *config.Config) engine.Rules {
	return engine.Rules{Policy: cfg.Policy, Directory: eligibility.NewDirectory(cfg.Policy.Directory.Members)}
}

// ruleFiles are the files that rules come from.
func ruleFiles(cfg *config.Config) []string { return config.PolicyFiles(cfg.PolicyPath, cfg.Policy) }

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

// watchRules reads policy and directory again when one of their files changes. What can't be read
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
		log.Info("the rules have changed; every meeting is decided again", "members", len(rules.Policy.Directory.Members))
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
	return rulesOf(cfg), nil
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
