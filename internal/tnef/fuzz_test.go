package tnef

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// FuzzCalendar: whatever the bytes, an answer comes soon: a calendar that internal/ics reads, or a reason.
func FuzzCalendar(f *testing.F) {
	for _, make := range fixtures {
		f.Add(make())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		began := time.Now()
		got, err := Calendar(b)
		if took := time.Since(began); took > 2*time.Second {
			t.Fatalf("it takes %s", took)
		}
		switch {
		case err != nil && !isTyped(err):
			t.Fatal(err)
		case err != nil:
			return
		case len(got) > maxOutput:
			t.Fatalf("%d bytes", len(got))
		}
		if m := readMessage(b); isOwn(m) {
			for _, e := range valid(t, got) {
				if e.UID == "" && e.Get("DTSTART") == nil {
					t.Fatalf("neither a UID nor a start, in\n%s", got)
				}
			}
		}
	})
}

// isOwn reports whether the calendar is made from m, not attached to it.
func isOwn(m *message) bool {
	_, err := m.calendar()
	return err == nil
}

// TestParts: parts that a fuzzer seldom gets to take any bytes, too, and keep to their limits.
func TestParts(t *testing.T) {
	words := rapid.SampledFrom([]string{
		"{", "}", `\`, `\*`, `\'e4`, `\'`, `\u8364 ?`, `\u-10180\u-8704 `, `\uc2`, `\bin5 `, `\bin-1`, `\ansicpg932 `, `\fromhtml1`, `\htmltag64 <p>`,
		`\htmlrtf `, `\htmlrtf0`, `{\field{\*\fldinst HYPERLINK "`, `"}{\fldrslt`, `\par`, `\~`, "x", "\x00", "\xff", " ", "1",
	})
	rapid.Check(t, func(t *rapid.T) {
		rtf := strings.Join(rapid.SliceOf(words).Draw(t, "words"), "")
		for _, kind := range []string{"MELA", "LZFu"} {
			text, html := readRTF(append(append(unhex("ffffff7fffffff7f"), kind+"\x00\x00\x00\x00"...), rtf...))
			if text != "" && html != "" || len(text)+len(html) > maxText || !utf8.ValidString(text+html) {
				t.Fatalf("%q, %q", text, html)
			}
		}
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		spec := rapid.SampledFrom([][]byte{specChanged, specDaily, specHebrew, specDefinition, specZone}).Draw(t, "spec")
		at := rapid.IntRange(0, len(spec)).Draw(t, "at")
		b = append(append(bytes.Clone(spec[:at]), b...), spec[at:]...)
		if _, err := readSeries(b, 1252); err != nil && !errors.Is(err, errRecurrence) && !errors.Is(err, ErrLimit) {
			t.Fatal(err)
		}
		for _, z := range []*zone{readDefinition(b, "x"), readZone(b, "x")} {
			if z.known() {
				w := &writer{}
				w.zone(z)
				valid(t, []byte("BEGIN:VCALENDAR\r\n"+w.String()+"BEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"))
			}
		}
	})
}
