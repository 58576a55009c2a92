package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"example.com/syncd/internal/fakegoogle"
)

// demoCommand is what there is to try without a company.
type demoCommand struct {
	Serve demoServeCommand `cmd:"" help:"Serve a simulated tenant on this machine, and write a configuration that reads it."`
}

type demoServeCommand struct {
	Provider string        `arg:"" enum:"google" help:"Whose tenant: google."`
	Listen   string        `default:"127.0.0.1:4014" placeholder:"ADDRESS" help:"Where to listen. The tenant's key is good for nothing else, but nobody else is to reach it. (${default})"`
	Folder   string        `default:"syncd-demo" type:"path" placeholder:"FOLDER" help:"Where the configuration, the policy and the key go. (${default})"`
	Lively   time.Duration `default:"0" placeholder:"DURATION" help:"Change a meeting now and then, this long apart. (never)"`
}

// Run serves until it is interrupted.
func (c *demoServeCommand) Run(ctx context.Context, s streams) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return usageError{fmt.Errorf("syncd: listen on %s: %w; name another address with --listen", c.Listen, err)}
	}
	tenant := demoGoogle(time.Now)
	base := "http://" + l.Addr().String()
	if err := c.write(tenant, base); err != nil {
		l.Close()
		return err
	}
	fmt.Fprintf(s.out, "The simulated Google tenant acme.com answers at %s until you interrupt it.\nIn another terminal:\n\n  syncd check --config %[2]s\n  syncd run --config %[2]s\n\n", base, filepath.Join(c.Folder, "syncd.yaml"))
	server := &http.Server{Handler: logged(tenant, s.out), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	var tick <-chan time.Time
	if c.Lively > 0 {
		ticker := time.NewTicker(c.Lively)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-tick:
			fmt.Fprintln(s.out, "changed:", stir(tenant, rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))))
		case err := <-ended:
			return fmt.Errorf("serve the simulated tenant: %w", err)
		case <-ctx.Done():
			if err := server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		}
	}
}

// logged prints each request as it is answered.
func logged(tenant *fakegoogle.Tenant, out io.Writer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant.ServeHTTP(w, r)
		for _, e := range tenant.Journal() {
			fmt.Fprintf(out, "%s %s %d, %d bytes\n", e.Method, e.Path, e.Status, e.Bytes)
		}
	})
}

// write writes what "syncd run" needs to read the tenant. It replaces what a former demo wrote.
func (c *demoServeCommand) write(tenant *fakegoogle.Tenant, base string) error {
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return fmt.Errorf("make the demo's folder: %w; name another one with --folder", err)
	}
	for name, text := range map[string][]byte{"key.json": tenant.KeyFile(), "policy.yaml": []byte(demoPolicy), "syncd.yaml": fmt.Appendf(nil, demoConfig, base)} {
		if err := os.WriteFile(filepath.Join(c.Folder, name), text, 0o600); err != nil {
			return fmt.Errorf("write the demo's configuration: %w; name another folder with --folder", err)
		}
	}
	return nil
}

const demoConfig = `# Written by "syncd demo serve". The service account's key opens the simulated tenant alone.
store: demo.db
policy: policy.yaml
poll: 5s
horizon: {past: 24h, future: 14d}
deliver: {file: schedules.jsonl}
connections:
  - name: acme.com
    google:
      domain: acme.com
      admin: admin@acme.com
      service_account_file: key.json
      calendars: all
      endpoint: %s
`

const demoPolicy = `company: {name: acme, internal_domains: [acme.com]}
import:
  google: {enabled: true, primary_only: false}
recording: {meetings: anyone}
providers:
  zoom: {enabled: true, capture: [bot]}
  teams: {enabled: true, capture: [bot]}
  meet: {enabled: true, capture: [bot]}
exclude: {title_keywords: [interview]}
directory:
  members:
    - {email: ana@acme.com, name: Ana Perez, seat: true, record: on}
    - {email: bo@acme.com, name: Bo Lind, seat: true, record: on}
    - {email: cara@acme.com, name: Cara Diaz, seat: true, record: never}
`

const (
	demoAna  = "ana@acme.com"
	demoBo   = "bo@acme.com"
	demoCara = "cara@acme.com"
)

// demoMeetings are a company's next days.
var demoMeetings = []struct {
	id, title, host string
	hours, minutes  int // from now, and how long
	weekly          bool
	fields          map[string]any
	guests          []string
}{
	{"kickoff", "Globex: kick-off", demoAna, 2, 45, false, map[string]any{"location": "https://acme.zoom.us/j/93711223344?pwd=a1b2c3.1"}, []string{demoBo, "joe@globex.com"}},
	{"pipeline", "Pipeline review", demoBo, 26, 30, true, map[string]any{"hangoutLink": "https://meet.google.com/abc-defg-hij"}, []string{demoAna}},
	{"initech", "Initech: weekly", demoBo, 28, 60, true, map[string]any{"description": "Join: https://teams.microsoft.com/meet/24705545633809?p=gS5SGsvLsH1wLpemEQ"}, []string{"bill@initech.com"}},
	{"interview", "Interview: backend", demoAna, 4, 60, false, map[string]any{"hangoutLink": "https://meet.google.com/xyz-abcd-efg"}, []string{"sam@example.org"}},
	{"private", "Doctor", demoBo, 6, 30, false, map[string]any{"visibility": "private"}, nil},
	{"lunch", "Lunch", demoCara, 5, 60, false, nil, []string{demoAna, demoBo}},
}

// demoGoogle is a made-up company with a few meetings ahead.
func demoGoogle(now func() time.Time) *fakegoogle.Tenant {
	tn := fakegoogle.New(now, fakegoogle.User{Email: "admin@acme.com", NoMailbox: true, Admin: true},
		fakegoogle.User{Email: demoAna, Name: "Ana Perez"}, fakegoogle.User{Email: demoBo, Name: "Bo Lind"}, fakegoogle.User{Email: demoCara, Name: "Cara Diaz"},
		fakegoogle.User{Email: "zoe@acme.com", Suspended: true})
	first := now().Truncate(15 * time.Minute)
	for _, m := range demoMeetings {
		e := fakegoogle.Event{ID: m.id, Start: first.Add(time.Duration(m.hours) * time.Hour), Length: time.Duration(m.minutes) * time.Minute, Fields: map[string]any{"summary": m.title}}
		for name, value := range m.fields {
			e.Fields[name] = value
		}
		if m.weekly {
			e.Repeat = fakegoogle.Rule{Freq: "WEEKLY"}
		}
		var guests []fakegoogle.Guest
		for _, g := range m.guests {
			guests = append(guests, fakegoogle.Guest{Email: g, Response: "accepted"})
		}
		tn.Invite(m.host, e, guests...)
	}
	sales := tn.AddCalendar(demoBo, "Sales")
	tn.Share(sales, demoAna, fakegoogle.Reader)
	tn.Put(sales, fakegoogle.Event{ID: "demoday", Start: first.Add(30 * time.Hour), Length: time.Hour, Fields: map[string]any{
		"summary": "Demo day", "location": "https://acme.zoom.us/j/95550001111", "organizer": map[string]any{"email": demoBo},
	}})
	return tn
}

// stir changes a meeting, and says which one and how.
func stir(tn *fakegoogle.Tenant, r *rand.Rand) string {
	m := demoMeetings[r.IntN(len(demoMeetings))]
	by := time.Duration(r.IntN(9)-4) * 15 * time.Minute
	tn.Change(m.host, m.id, func(e *fakegoogle.Event) { e.Start = e.Start.Add(by) })
	return fmt.Sprintf("%q is moved by %s", m.title, by)
}
