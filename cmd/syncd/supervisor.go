package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"
)

// A supervisor is the service manager that has started this process and waits for its word, as systemd does with
// Type=notify (sd_notify(3)). Its zero value is none: nobody is told anything.
type supervisor struct {
	socket string        // where it listens, of unixgram; "": nowhere
	within time.Duration // after which it ends a process that gives no sign of life; 0: never
	log    *slog.Logger
}

// newSupervisor is the one that the environment names.
func newSupervisor(env func(string) string, pid int, log *slog.Logger) supervisor {
	s := supervisor{socket: env("NOTIFY_SOCKET"), log: log}
	us, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64)
	whom := env("WATCHDOG_PID")
	if err == nil && us > 0 && s.socket != "" && (whom == "" || whom == strconv.Itoa(pid)) {
		s.within = time.Duration(us) * time.Microsecond
	}
	return s
}

// What a supervisor is told.
const (
	stateReady    = "READY=1"
	stateAlive    = "WATCHDOG=1"
	stateStopping = "STOPPING=1"
)

// tell tells it. That it can't be told is no reason to end: it will see for itself.
func (s supervisor) tell(state string) {
	if s.socket == "" {
		return
	}
	if err := send(s.socket, state); err != nil {
		s.log.Warn("the service manager could not be told", "state", state, "error", err)
	}
}

func send(socket, state string) error {
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}

// attend gives signs of life until ctx ends, if any are wanted. looked is when the daemon looked last for what is due.
func (s supervisor) attend(ctx context.Context, looked func() time.Time) error {
	if s.within == 0 {
		return nil
	}
	tick := time.NewTicker(max(s.within/4, time.Millisecond))
	defer tick.Stop()
	return s.signs(ctx, tick.C, looked)
}

// signs are given with a tick, if there was a look since the last one: a process that is stuck gives none.
func (s supervisor) signs(ctx context.Context, ticks <-chan time.Time, looked func() time.Time) error {
	for last := (time.Time{}); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
		if at := looked(); !at.Equal(last) {
			last = at
			s.tell(stateAlive)
		}
	}
}

// drained is a context that ends some time behind ctx.
func drained(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	if after <= 0 {
		return context.WithCancel(ctx)
	}
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-lasting.Done():
		case <-time.After(after):
			cancel()
		}
	})
	return lasting, func() {
		stop()
		cancel()
	}
}
