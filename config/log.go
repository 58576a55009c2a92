package config

import (
	"slices"
	"strings"
)

// Log is what the daemon says while it works, on standard error.
type Log struct {
	// Format is how a line looks: (text) | json
	Format string `yaml:"format" jsonschema:"enum=text,enum=json"`
	// Level is from which level on there are lines: debug | (info) | warn | error
	Level string `yaml:"level" jsonschema:"enum=debug,enum=info,enum=warn,enum=error"`
	// Addresses says how mail addresses stand in lines: (plain) | hashed, by which lines about the same one can be found
	Addresses string `yaml:"addresses" jsonschema:"enum=plain,enum=hashed"`
}

// The words of Log.
const (
	LogText   = "text"
	LogJSON   = "json"
	LogPlain  = "plain"
	LogHashed = "hashed"
)

func (l Log) check(d *decoder) {
	for _, s := range []struct {
		path, value string
		words       []string
	}{
		{"log.format", l.Format, []string{LogText, LogJSON}},
		{"log.level", l.Level, []string{"debug", "info", "warn", "error"}},
		{"log.addresses", l.Addresses, []string{LogPlain, LogHashed}},
	} {
		if !slices.Contains(s.words, s.value) {
			d.fail(s.path, ": %s is none of %s", quote(s.value), strings.Join(s.words, ", "))
		}
	}
}
