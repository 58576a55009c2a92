package coordinator

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMIME: the calendar is found in every mail that holds one.
func TestMIME(t *testing.T) {
	files, err := filepath.Glob("testdata/mime/*.eml")
	if err != nil || len(files) < 39 {
		t.Fatal(len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			inv, err := readInvite(raw)
			if strings.Contains(name, "bomb") {
				if !errors.Is(err, errTooLarge) {
					t.Errorf("error %v, want errTooLarge", err)
				}
				return
			}
			if err != nil || len(inv.calendars) != 1 || len(inv.calendars[0].Events) != 1 {
				t.Fatalf("%d calendars, error %v", len(inv.calendars), err)
			}
			c := inv.calendars[0]
			e := c.Events[0]
			if e.UID != "u1" || e.Start.String() != "2026-11-24T10:00:00Z" || e.Text("SUMMARY") != "Größe" || c.Method != "REQUEST" {
				t.Errorf("%s of %s at %s, titled %q", c.Method, e.UID, e.Start, e.Text("SUMMARY"))
			}
		})
	}
}

const plainCalendar = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:u1\r\nDTSTART:20261124T100000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

// mixed is a mail of these parts, each a header and a body.
func mixed(parts ...string) []byte {
	return []byte("Received: by mx.acme.com; Mon, 23 Nov 2026 07:58:00 +0000 (UTC)\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + strings.Join(parts, "\r\n--b\r\n") + "\r\n--b--\r\n")
}

// TestParts: which part counts, and what its method is.
func TestParts(t *testing.T) {
	other := strings.ReplaceAll(plainCalendar, "UID:u1", "UID:u2")
	withMethod := strings.ReplaceAll(plainCalendar, "BEGIN:VEVENT", "METHOD:CANCEL\r\nBEGIN:VEVENT")
	text := "Content-Type: text/calendar; method=request\r\n\r\n"
	ics := "Content-Type: application/ics; name=invite.ics\r\n\r\n"
	octets := "Content-Type: application/octet-stream; name=\"invite.ics\"\r\n\r\n"
	for _, c := range []struct{ name, want, uid, method string }{
		{string(mixed(text+plainCalendar, ics+other)), "", "u1", "REQUEST"},
		{string(mixed(octets+other, ics+plainCalendar)), "", "u1", "PUBLISH"},
		{string(mixed(text+"nothing", ics+plainCalendar)), "", "u1", "PUBLISH"},
		{string(mixed(text + withMethod)), "", "u1", "CANCEL"},
		{string(mixed("Content-Type: text/plain\r\n\r\nSee\r\n" + plainCalendar)), "", "u1", "PUBLISH"},
		{string(mixed("Content-Type: text/plain\r\n\r\nhello")), "holds no calendar", "", ""},
		{string(mixed("Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nxx")), "winmail.dat", "", ""},
		{string(mixed("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nxx")), "encrypted", "", ""},
		{string(mixed(text + plainCalendar + strings.Repeat(" ", maxCalendar))), "larger", "", ""},
		{"", "no calendar", "", ""},
		{"no mail at all", "no calendar", "", ""},
		{"no mail at all\r\n\r\n" + plainCalendar, "", "u1", "PUBLISH"},
		{"Content-Type: multipart/mixed\r\n\r\n" + plainCalendar, "", "u1", "PUBLISH"},
		{"Content-Type: multipart/mixed\r\n\r\npreamble\r\n--b\r\nContent-Type: text/calendar; method=REQUEST\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			base64.StdEncoding.EncodeToString([]byte(plainCalendar)) + "\r\n--b--\r\n", "", "u1", "REQUEST"},
	} {
		inv, err := readInvite([]byte(c.name))
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %s", err, c.want)
			}
			continue
		}
		if err != nil || len(inv.calendars) != 1 {
			t.Errorf("%d calendars, error %v in\n%.300s", len(inv.calendars), err, c.name)
			continue
		}
		if got := inv.calendars[0]; got.Events[0].UID != c.uid || got.Method != c.method {
			t.Errorf("%s of %s, want %s of %s", got.Method, got.Events[0].UID, c.method, c.uid)
		}
	}
}

func TestReceived(t *testing.T) {
	for header, want := range map[string]string{
		"Received: from a by b with ESMTP id c\r\n for <notes@acme.com>; Fri, 20 Nov 2026 10:00:05 +0100 (CET)\r\nReceived: by a; Thu, 19 Nov 2026 10:00:00 +0000": "2026-11-20T09:00:05Z",
		"Received: by b; 20 Nov 2026 09:00:05 GMT": "2026-11-20T09:00:05Z",
		"Received: by b; yesterday":                "",
		"Date: Fri, 20 Nov 2026 09:00:05 +0000":    "",
	} {
		inv, err := readInvite([]byte(header + "\r\nContent-Type: text/calendar\r\n\r\n" + plainCalendar))
		got := ""
		if !inv.received.IsZero() {
			got = inv.received.Format(time.RFC3339)
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, error %v; want %q", header, got, err, want)
		}
	}
}

// TestMailBombs: a mail that is made to cost much costs little.
func TestMailBombs(t *testing.T) {
	nested := func(n int) []byte {
		var b bytes.Buffer
		for i := range n {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"b%d\"\r\n\r\n--b%d\r\n", i, i)
		}
		return append(b.Bytes(), "Content-Type: text/calendar\r\n\r\n"+plainCalendar...)
	}
	forwards := []byte("Content-Type: text/calendar\r\n\r\n" + plainCalendar)
	for range 8 {
		forwards = append([]byte("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"), base64.StdEncoding.EncodeToString(forwards)...)
	}
	for name, raw := range map[string][]byte{
		"20,000 deep":        nested(20_000),
		"12 deep":            nested(12),
		"50,000 parts":       mixed(strings.Repeat("Content-Type: text/plain\r\n\r\nx\r\n--b\r\n", 50_000)),
		"one header of 9 MB": []byte("X: " + strings.Repeat("x", 9<<20) + "\r\n\r\n" + plainCalendar),
		"200,000 headers":    []byte(strings.Repeat("X: y\r\n", 200_000) + "\r\n" + plainCalendar),
		"20 MB":              []byte("X: " + strings.Repeat("x", 20<<20)),
		"forwards":           forwards,
		"a calendar of 9 MB": []byte("Content-Type: text/calendar\r\n\r\n" + plainCalendar + strings.Repeat("X:y\r\n", 9<<20/5)),
		"no boundary":        []byte("Content-Type: multipart/mixed\r\n\r\n" + strings.Repeat("--\r\n", 2<<20)),
		"20,000 BEGINs":      []byte("Content-Type: text/calendar\r\n\r\n" + strings.Repeat("BEGIN:VEVENT\r\n", 20_000)),
	} {
		began := time.Now()
		inv, err := readInvite(raw)
		if err == nil {
			t.Errorf("%s: %d calendars and no error", name, len(inv.calendars))
		} else if len(err.Error()) > 200 {
			t.Errorf("%s: a long error: %.300s", name, err)
		}
		if took := time.Since(began); took > 5*time.Second { // 100 ms on a machine with nothing else to do
			t.Errorf("%s takes %s", name, took)
		} else {
			t.Logf("%s: %s, %v", name, took, err)
		}
	}
}

func FuzzReadInvite(f *testing.F) {
	for _, dir := range []string{"mime", "mail"} {
		files, err := filepath.Glob("testdata/" + dir + "/*.eml")
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			raw, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		inv, err := readInvite(raw)
		if (err == nil) != (len(inv.calendars) > 0) {
			t.Fatalf("%d calendars, error %v", len(inv.calendars), err)
		}
	})
}
