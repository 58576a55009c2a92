package tnef

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"example.com/syncd/internal/ics"
)

var update = flag.Bool("update", false, "write testdata anew")

// TestCases: each NAME.tnef in testdata gives what NAME.ics says, or fails as NAME.err says.
func TestCases(t *testing.T) {
	if *update {
		for name, make := range fixtures {
			b := make()
			got, err := Calendar(b)
			want, ext := got, ".ics"
			if err != nil {
				want, ext = []byte(err.Error()+"\n"), ".err"
			}
			for file, content := range map[string][]byte{name + ".tnef": b, name + ext: want} {
				if err := os.WriteFile(filepath.Join("testdata", file), content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fixtures)) {
		t.Run(name, func(t *testing.T) {
			b := read(t, name+".tnef")
			if !bytes.Equal(b, fixtures[name]()) {
				t.Error("the file is not what the fixture makes; -update writes it")
			}
			got, err := Calendar(b)
			if err != nil {
				if want := strings.TrimSpace(string(read(t, name+".err"))); err.Error() != want {
					t.Fatalf("%v\nwant %s", err, want)
				}
				return
			}
			if want := read(t, name+".ics"); !bytes.Equal(got, want) {
				t.Fatalf("%s\nwant\n%s", got, want)
			}
			valid(t, got)
		})
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// valid: lines are short, end in CRLF, and internal/ics reads them.
func valid(t interface {
	Helper()
	Fatalf(string, ...any)
}, b []byte) []*ics.Event {
	t.Helper()
	for l := range strings.SplitAfterSeq(string(b), "\r\n") {
		if len(l) > 77 || strings.ContainsAny(strings.TrimSuffix(l, "\r\n"), "\r\n") || l != "" && !strings.HasSuffix(l, "\r\n") {
			t.Fatalf("the line %q", l)
		}
	}
	calendars, err := ics.Parse(b)
	if err != nil || len(calendars) != 1 || len(calendars[0].Events) == 0 {
		t.Fatalf("%d calendars, %v, in\n%s", len(calendars), err, b)
	}
	return calendars[0].Events
}

// occurrences are when the series in b starts, in [from, to), with what is changed.
func occurrences(t interface {
	Helper()
	Fatalf(string, ...any)
}, b []byte, from, to time.Time) (all []string) {
	t.Helper()
	var s ics.Series
	for _, e := range valid(t, b) {
		if e.Problem != "" {
			t.Fatalf("%s, in\n%s", e.Problem, b)
		}
		if e.RecurrenceID.IsZero() {
			s.Master = e
		} else {
			s.Changed = append(s.Changed, e)
		}
	}
	found, err := s.Occurrences(from, to)
	if err != nil {
		t.Fatalf("%v, in\n%s", err, b)
	}
	for _, o := range found {
		if o.Stray {
			t.Fatalf("%s is no occurrence, in\n%s", o.Original, b)
		}
		all = append(all, o.Start.String()+" "+o.End.String()+" "+o.Event.Text("SUMMARY"))
	}
	return all
}

// TestSpecSeries: Microsoft's examples recur as Microsoft says they do.
func TestSpecSeries(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"series_spec_weekly", "2007-03-26T17 2007-03-29T17 2007-03-30T17 2007-04-02T17 2007-04-05T17 2007-04-06T17 2007-04-09T17 2007-04-12T17 2007-04-13T17 2007-04-16T17 2007-04-19T17 2007-04-20T17"},
		{"series_spec_changed", "2007-03-26T17 2007-03-29T17 2007-03-30T17 2007-04-02T17 2007-04-05T17 2007-04-06T17 2007-04-09T17 2007-04-12T17 2007-04-13T17 2007-04-16T18 2007-04-19T17 2007-04-20T17"},
		{"series_zones_differ", "2007-03-26T17 2007-03-29T17 2007-03-30T17 2007-04-02T17 2007-04-05T17 2007-04-06T17 2007-04-09T17 2007-04-12T17 2007-04-13T17 2007-04-16T17 2007-04-19T17 2007-04-20T17"},
		{"series_zone_has_name", "2007-03-26T17 2007-03-29T17 2007-03-30T17 2007-04-02T17 2007-04-05T17 2007-04-06T17 2007-04-09T17 2007-04-12T17 2007-04-13T17 2007-04-16T17 2007-04-19T17 2007-04-20T17"},
		{"series_all_day", "2007-03-26 2007-03-29 2007-03-30 2007-04-02 2007-04-05 2007-04-06 2007-04-09 2007-04-12 2007-04-13 2007-04-16 2007-04-19 2007-04-20"},
		// Every third day from April 7 to May 4, 2011, without April 19 and 22.
		{"series_spec_daily", "2011-04-07T15 2011-04-10T15 2011-04-13T15 2011-04-16T15 2011-04-25T15 2011-04-28T15 2011-05-01T15 2011-05-04T15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Calendar(read(t, c.name+".tnef"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range occurrences(t, b, at("2007-01-01 00:00"), at("2012-01-01 00:00")) {
				start, _, _ := strings.Cut(o, " ")
				got = append(got, start[:min(13, len(start))])
			}
			if strings.Join(got, " ") != c.want {
				t.Fatalf("%s\nwant %s", strings.Join(got, " "), c.want)
			}
		})
	}
}

// TestZones: clocks go as the time zone database has them go, hour by hour.
func TestZones(t *testing.T) {
	for _, w := range windowsZones {
		loc, err := time.LoadLocation(w.iana)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range []*zone{readZone(w.structure(), "x"), readDefinition(w.definition(), "x")} {
			for at := at("2025-12-31 00:00"); at.Year() < 2028; at = at.Add(time.Hour / 2) {
				_, seconds := at.In(loc).Zone()
				if got := z.offset(at); got != seconds/60 {
					t.Fatalf("%s: %d minutes at %s, want %d", w.name, got, at, seconds/60)
				}
				// What the clock shows twice is the first.
				want := at
				if hourAgo := at.Add(-time.Hour); z.wall(hourAgo).Equal(z.wall(at)) {
					want = hourAgo
				}
				if got := z.utc(z.wall(at)); !got.Equal(want) {
					t.Fatalf("%s: %s is %s, want %s", w.name, z.wall(at), got, want)
				}
			}
		}
	}
	// What the clock leaves out is by the offset before.
	if got := readZone(windowsZones[0].structure(), "x").utc(at("2026-03-29 02:30")); !got.Equal(at("2026-03-29 01:30")) {
		t.Fatal(got)
	}
}

// TestUID: Microsoft's examples ([MS-ASEMAIL] section 4.3).
func TestUID(t *testing.T) {
	for want, id := range map[string][]byte{
		"{81412D3C-2A24-4E9D-B20E-11F7BBE92799}": specForeign,
		"040000008200E00074C5B7101A82E00800000000E040C9C12685C4010000000000000000100000000BF0ED4B6E4EE94E9E39E3867B378EF3": unhex(
			"040000008200E00074C5B7101A82E00807D40910E040C9C12685C4010000000000000000100000000BF0ED4B6E4EE94E9E39E3867B378EF3"),
		"": {},
	} {
		m := &message{props: props{globalID: {ptBinary, id}}}
		if got, err := m.uid(); got != want || err != nil {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}

// TestExpand: compressed RTF, by Microsoft's examples ([MS-OXRTFCP] section 4.1).
func TestExpand(t *testing.T) {
	for _, c := range []struct{ compressed, want string }{
		{"2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0", "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"},
		{"1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0", `{\rtf1 WXYZWXYZWXYZWXYZWXYZ}`},
	} {
		if got := string(expand(unhex(c.compressed))); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestLenient: a wrong checksum and what follows the end change nothing.
func TestLenient(t *testing.T) {
	b := teamsMeeting()
	want, err := Calendar(b)
	if err != nil {
		t.Fatal(err)
	}
	wrong := bytes.Clone(b)
	wrong[len(wrong)-1] ^= 0xff
	for what, b := range map[string][]byte{"checksum": wrong, "garbage": append(bytes.Clone(b), "garbage at the end"...), "no checksum": b[:len(b)-2]} {
		if got, err := Calendar(b); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n%s", what, err, got)
		}
	}
}

// TestCutOff: of what is cut off anywhere, there is a calendar or a reason.
func TestCutOff(t *testing.T) {
	for name, make := range fixtures {
		b := make()
		for n := range b {
			if got, err := Calendar(b[:n:n]); err == nil {
				if !strings.HasPrefix(name, "attached_ics") {
					valid(t, got)
				}
			} else if !isTyped(err) {
				t.Fatalf("%s, %d bytes: %v", name, n, err)
			}
		}
	}
}

func isTyped(err error) bool {
	return errors.Is(err, ErrNotTNEF) || errors.Is(err, ErrNoMeeting) || errors.Is(err, ErrLimit)
}

// TestLimits: what is beyond a limit is an error or is dropped, and takes no time.
func TestLimits(t *testing.T) {
	start := at("2026-01-05 09:00")
	series := func(changes, deletions int, text string, more ...property) []byte {
		p := pattern{frequency: 0x200a, period: 1440, start: start, length: time.Hour}
		for i := range deletions {
			p.deleted = append(p.deleted, start.AddDate(0, 0, 2*i+1))
		}
		for i := range changes {
			d := start.AddDate(0, 0, 2*i)
			p.changed = append(p.changed, changed{original: d, start: d.Add(time.Hour), end: d.Add(2 * time.Hour), busy: -1, subject: fmt.Sprint("Change ", i)})
		}
		return newEncoder().class("IPM.Schedule.Meeting.Request").properties(append(more, id(specForeign), pacific, tag(0x1000, ptUnicode, wideText(text)),
			lid(setAppointment, 0x8216, ptBinary, one(p.blob())))...).Bytes()
	}
	var many [][]property
	for i := range 20_000 {
		many = append(many, invited(1, "", fmt.Sprintf("a%d@acme.example", i)))
	}
	nested := teamsMeeting()
	for range 5 {
		nested = newEncoder().class("IPM.Note").attachment("winmail.dat", nested).Bytes()
	}
	twice := newEncoder().class("IPM.Note").attachment("winmail.dat", newEncoder().class("IPM.Note").attachment("winmail.dat", teamsMeeting()).Bytes()).Bytes()
	empty := newEncoder()
	for range 500_000 {
		empty.attribute(2, 0x00069002, nil)
	}
	rtf := tag(0x1009, ptBinary, one(append(unhex("ffffff7fffffff7f4c5a467500000000"), bytes.Repeat([]byte("\x00{\\pard x}"), 200_000)...)))
	for _, c := range []struct {
		name string
		b    []byte
		err  error
		has  string
	}{
		{"too long", append(newEncoder().Bytes(), make([]byte, maxInput)...), ErrLimit, ""},
		{"nested too deep", nested, ErrLimit, ""},
		{"nested", twice, nil, "SKYPETEAMS"},
		{"a big calendar attached", newEncoder().class("IPM.Note").attachment("a.ics", append([]byte("BEGIN:VCALENDAR\r\n"), make([]byte, maxOutput)...)).Bytes(), ErrLimit, ""},
		{"changes", series(maxExceptions+1, 0, ""), ErrLimit, ""},
		{"deletions", series(0, maxDeleted+1, ""), ErrLimit, ""},
		{"a million deletions", series(0, 1_000_000, ""), ErrLimit, ""},
		{"all that may be", series(maxExceptions, maxDeleted, ""), nil, "SUMMARY:Change 299"},
		{"texts that are too long for each change", series(maxExceptions, 0, strings.Repeat("Text ", 10_000)), nil, "SUMMARY:Change 299"},
		{"a text in RTF for all changes", series(maxExceptions, 0, "", rtf), nil, "SUMMARY:Change 299"},
		{"20,000 people", newEncoder().class("IPM.Schedule.Meeting.Request").properties(id(specForeign)).recipients(many...).Bytes(), nil, "a999@acme.example"},
		{"500,000 attachments", empty.class("IPM.Schedule.Meeting.Request").Bytes(), ErrNoMeeting, ""},
		{"a long text", newEncoder().class("IPM.Schedule.Meeting.Request").properties(id(specForeign), tag(0x1000, ptUnicode, wideText(strings.Repeat("😀", 1_000_000)))).Bytes(), nil, "UID:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			got, err := Calendar(c.b)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it takes %s", took)
			}
			if !errors.Is(err, c.err) || err == nil && c.err != nil {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if unfolded := strings.ReplaceAll(string(got), "\r\n ", ""); !strings.Contains(unfolded, c.has) || len(got) > maxOutput {
				t.Fatalf("%d bytes, without %q", len(got), c.has)
			}
			if err == nil {
				valid(t, got)
			}
		})
	}
}
