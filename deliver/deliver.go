// Package deliver holds the sinks: where recording schedules go. A file, standard output and a webhook are told of
// every revision; the recorders of four vendors are made to join the calls; Failover puts several in an order.
//
// A sink keeps nothing in memory that it could not do without: what it has to remember of a schedule is in the note
// that comes back with the schedule's next revision, and behind a crash it asks the recorder.
package deliver

import (
	"io"
	"net"
	"time"

	"example.com/syncd/schedule"
)

// A Kind is one sort of sink, as configurations name it.
type Kind struct {
	Name   string        // the key of its settings in a configuration
	Doc    string        // one sentence: who is told
	Config func() Config // a new Config with its defaults set, to decode into
	// Nested says that its settings have a list of targets too, each with a name and a kind: Config is a Nester.
	Nested bool
}

// A Config is the settings of one sink. Their keys are in yaml tags.
type Config interface {
	// Validate names every setting that is missing or wrong, by its key.
	Validate() error
	// Open makes the target without I/O: a daemon starts while a recorder is down.
	Open(name string, env Env) (schedule.Target, error)
}

// A Nester is a Config that hands on to other targets.
type Nester interface {
	Config
	// Nest is called once before Open, with what the nested list has.
	Nest(targets []schedule.Target)
}

// An Env is all of the world that sinks get.
type Env struct {
	// Path makes a file name of the configuration one that can be opened; ReadFile opens it so.
	Path     func(name string) string
	ReadFile func(name string) ([]byte, error)
	// Now is the real time, by which signatures are dated. What a schedule's times are compared with is Delivery.Now.
	Now func() time.Time
	// Out is standard output.
	Out io.Writer
	// Resolver looks hosts up; nil is the system's.
	Resolver *net.Resolver
}
