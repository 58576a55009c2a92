package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/deliver"
	"example.com/syncd/schedule"
)

// sinks is the list of what schedules can be delivered to: a new one is added here and nowhere else.
var sinks = []deliver.Kind{
	{Name: "file", Doc: "JSON Lines, appended to a file", Config: func() deliver.Config { return &deliver.FileConfig{} }},
	{Name: "stdout", Doc: "JSON Lines on standard output", Config: func() deliver.Config { return &deliver.StdoutConfig{} }},
	{Name: "webhook", Doc: "signed requests to a server of your own", Config: func() deliver.Config { return deliver.NewWebhookConfig() }},
	{Name: "recall", Doc: "bots of Recall.ai", Config: func() deliver.Config { return deliver.NewRecallConfig() }},
	{Name: "attendee", Doc: "bots of Attendee, hosted or your own", Config: func() deliver.Config { return deliver.NewAttendeeConfig() }},
	{Name: "vexa", Doc: "bots of Vexa, hosted or your own", Config: func() deliver.Config { return deliver.NewVexaConfig() }},
	{Name: "meetingbaas", Doc: "bots of Meeting BaaS", Config: func() deliver.Config { return deliver.NewMeetingBaasConfig() }},
	{Name: "failover", Doc: "an order of targets, of which one has a schedule", Config: func() deliver.Config { return deliver.NewFailoverConfig() }, Nested: true},
}

// targets opens what the configuration delivers to. Nobody is told anything yet.
func targets(cfg *config.Config, out io.Writer) ([]schedule.Target, error) {
	return openTargets(cfg, cfg.Deliver, deliver.Env{
		Path: cfg.Resolve, ReadFile: func(name string) ([]byte, error) { return os.ReadFile(cfg.Resolve(name)) },
		Now: time.Now, Out: out,
	})
}

func openTargets(cfg *config.Config, list []config.Target, env deliver.Env) ([]schedule.Target, error) {
	var all []schedule.Target
	var errs []error
	for _, t := range list {
		if t.Kind.Nested {
			inner, err := openTargets(cfg, t.Targets, env)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			t.Config.(deliver.Nester).Nest(inner)
		}
		target, err := t.Config.Open(t.Name, env)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: deliver to %s: %w", filepath.Base(cfg.Path), t.Line, t.Name, err))
			continue
		}
		all = append(all, target)
	}
	return all, errors.Join(errs...)
}
