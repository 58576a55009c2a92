package tnef

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/syncd/internal/debiantest"
	"example.com/syncd/internal/ics"
	"pgregory.net/rapid"
)

// unpack gives b to another program, which writes files into a folder, and returns those that end so.
func unpack(t testing.TB, b []byte, ext, program string, args ...string) [][]byte {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "winmail.dat")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i := range args {
		args[i] = strings.NewReplacer("DIR", dir, "FILE", file).Replace(args[i])
	}
	if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"+ext))
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// needs has the program installed, or skips the test.
func needs(t *testing.T, program, pkg string) {
	t.Helper()
	debiantest.Need(t, func() bool { _, err := exec.LookPath(program); return err == nil }, pkg)
}

// TestYtnef: ytnef says the same of what it knows of a request. It doesn't know how one recurs in a zone.
func TestYtnef(t *testing.T) {
	needs(t, "ytnef", "ytnef-tools")
	for seed := range 30 {
		b := rapid.Custom(func(t *rapid.T) []byte {
			start := at("2000-01-01 00:00").Add(time.Duration(rapid.IntRange(0, 40*365*1440).Draw(t, "start")) * time.Minute)
			subject := rapid.StringMatching(`[A-Z][a-z0-9 ]{0,60}[a-z]`).Draw(t, "subject")
			return newEncoder().codepage(1252).class("IPM.Microsoft Schedule.MtgReq").attribute(1, 0x00018004, append([]byte(subject), 0)).properties(
				id(objectID(time.Time{}, rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "id"))),
				tag(0x0070, ptString8, string8(subject)), // PidTagConversationTopic, which it shows
				tag(0x0042, ptString8, string8("Anna Beispiel")), tag(0x0065, ptUnicode, wideText(addresses().Draw(t, "sender"))),
				lid(setAppointment, 0x8208, ptString8, string8(rapid.StringMatching(`[A-Z][a-z]{0,30}`).Draw(t, "location"))),
				lid(setAppointment, 0x8201, ptInt32, number(uint32(rapid.IntRange(0, 1000).Draw(t, "sequence")))),
				lid(setAppointment, 0x820d, ptTime, instant(start)), lid(setAppointment, 0x820e, ptTime, instant(start.Add(time.Hour))),
				lid(setMeeting, 0x001a, ptTime, instant(start.Add(-time.Hour))),
			).Bytes()
		}).Example(seed)
		got, err := Calendar(b)
		if err != nil {
			t.Fatal(err)
		}
		theirs := unpack(t, b, ".ics", "ytnef", "-F", "-f", "DIR", "FILE")
		if len(theirs) != 1 {
			t.Fatalf("ytnef makes %d calendars of\n%x", len(theirs), b)
		}
		want, err := ics.Parse(theirs[0])
		if err != nil || len(want) != 1 || len(want[0].Events) != 1 {
			t.Fatalf("%v, in\n%s", err, theirs[0])
		}
		w, g := want[0].Events[0], valid(t, got)[0]
		if w.UID != g.UID || w.Sequence != g.Sequence || w.Start.String() != g.Start.String() || w.End.String() != g.End.String() ||
			!w.Stamp.Equal(g.Stamp) || w.Text("SUMMARY") != g.Text("SUMMARY") || strings.TrimSpace(w.Text("LOCATION")) != g.Text("LOCATION") || w.Organizer().Email != g.Organizer().Email {
			t.Fatalf("ytnef:\n%s\nhere:\n%s", theirs[0], got)
		}
	}
}

// TestTnef: tnef unpacks the same attached calendar.
func TestTnef(t *testing.T) {
	needs(t, "tnef", "tnef")
	b := read(t, "attached_ics.tnef")
	got, err := Calendar(b)
	if err != nil {
		t.Fatal(err)
	}
	if theirs := unpack(t, b, ".ICS", "tnef", "-C", "DIR", "FILE"); len(theirs) != 1 || !bytes.Equal(theirs[0], got) {
		t.Fatalf("tnef: %q\nhere: %q", theirs, got)
	}
}

// TestFiles reads files of people's own, which are not in the repository: TNEF_FILES is a pattern, as
// '/tmp/mails/*.dat'.
func TestFiles(t *testing.T) {
	pattern := os.Getenv("TNEF_FILES")
	if pattern == "" {
		t.Skip("TNEF_FILES names no files")
	}
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatal(pattern, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := Calendar(b)
		if t.Logf("%s: %v\n%s", name, err, got); err != nil && !isTyped(err) {
			t.Error(err)
		}
	}
}
