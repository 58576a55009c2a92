package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDemoServe: what "demo serve" writes reads what it serves, without a word about setting anything up.
func TestDemoServe(t *testing.T) {
	for provider, request := range map[string]string{
		"google": "GET /calendar/v3/calendars/ana@acme.com/events 200", "outlook": "GET /v1.0/users/ana@acme.com/calendarView 200",
	} {
		t.Run(provider, func(t *testing.T) { testDemoServe(t, provider, request) })
	}
}

func testDemoServe(t *testing.T, provider, request string) {
	folder := filepath.Join(t.TempDir(), "demo")
	ctx, stop := context.WithCancel(t.Context())
	said, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"demo", "serve", provider, "--listen", "127.0.0.1:0", "--folder", folder}, streams{nil, out, os.Stderr})
		out.Close()
	}()
	lines := bufio.NewReader(said)
	first, err := lines.ReadString('\n')
	if err != nil || !regexp.MustCompile(`answers at http://127\.0\.0\.1:\d+ until`).MatchString(first) {
		t.Fatalf("%q, %v", first, err)
	}
	var journal bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(&journal, lines) // it ends when run does
	}()
	syncd := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, streams{nil, &out, &errs}); code != exitOK {
			t.Fatalf("%q: %d\n%s%s", args, code, &out, &errs)
		}
		return out.String()
	}
	config := filepath.Join(folder, "syncd.yaml")
	if got := syncd("check", "--config", config); !strings.Contains(got, "4 of 4 calendars can be read") {
		t.Error(got)
	}
	got := syncd("run", "--once", "--config", config)
	for _, want := range []string{`scheduled .* Globex: kick-off +zoom +bot`, `scheduled .* Initech: weekly +teams`, `Interview: backend +title has the keyword "interview"`, `\(no title\) +it is private`} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("no line is %q in\n%s", want, got)
		}
	}
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("an interrupted server: %d", code)
	}
	<-read
	if !strings.Contains(journal.String(), request) {
		t.Error(journal.String())
	}
}
