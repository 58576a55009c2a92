package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"example.com/syncd/schedule"
)

// FileConfig is the settings of a File.
type FileConfig struct {
	Path string `yaml:"path" jsonschema:"minLength=1"` // JSON Lines are appended to this file
}

// Validate demands a path.
func (c *FileConfig) Validate() error {
	if c.Path == "" {
		return errors.New("path is missing: name the file to append to")
	}
	return nil
}

// Open makes the sink; the file is opened at each delivery.
func (c *FileConfig) Open(name string, env Env) (schedule.Target, error) {
	return schedule.Target{Name: name, Sink: NewFile(env.Path(c.Path))}, nil
}

// Lines is a sink that writes each revision to a stream, one JSON object a line. What has been written is done: a
// stream can't say more.
type Lines struct {
	mu  sync.Mutex
	out io.Writer
}

// NewLines makes a sink for out. Each line is one Write.
func NewLines(out io.Writer) *Lines { return &Lines{out: out} }

// Deliver writes one line.
func (l *Lines) Deliver(_ context.Context, d schedule.Delivery) (schedule.Receipt, error) {
	line, err := json.Marshal(d.Schedule)
	if err != nil {
		return schedule.Receipt{}, fmt.Errorf("deliver to standard output: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.out.Write(append(line, '\n')); err != nil {
		return schedule.Receipt{}, fmt.Errorf("deliver to standard output: %w", err)
	}
	return schedule.Receipt{}, nil
}

// StdoutConfig is the settings of standard output, which has none.
type StdoutConfig struct{}

// Validate accepts.
func (*StdoutConfig) Validate() error { return nil }

// Open makes the sink.
func (*StdoutConfig) Open(name string, env Env) (schedule.Target, error) {
	return schedule.Target{Name: name, Sink: NewLines(env.Out)}, nil
}

var (
	_ schedule.Sink = (*Lines)(nil)
	_ Config        = (*FileConfig)(nil)
	_ Config        = (*StdoutConfig)(nil)
)
