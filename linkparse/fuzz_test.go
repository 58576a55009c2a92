package linkparse

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

var fuzzOptions = Options{ConsentHosts: []string{"meet.acme.example"}}

// checkLink is what holds for every link.
func checkLink(t *testing.T, o Options, l Link) {
	t.Helper()
	if l.URL == "" && l.Provider == Teams && isDigit(l.MeetingID[0]) { // printed, without a URL
		return
	}
	u, err := url.Parse(l.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Host != strings.ToLower(u.Host) {
		t.Fatalf("%+v: %v", l, err)
	}
	if !providerHas(l.Provider, u.Host) && !(l.Provider == Consent && slices.Contains(o.ConsentHosts, u.Host)) {
		t.Errorf("%+v: the host is no provider's", l)
	}
	if strings.Count(l.URL, "=3D") > 1 { // by itself, that is quoted-printable: two tokens that begin so are one in millions
		return
	}
	again := Find(o, Field{Kind: URL, Text: l.URL}).Links
	if len(again) != 1 || again[0].URL != l.URL || again[0].MeetingID != l.MeetingID || again[0].Provider != l.Provider || again[0].Passcode != l.Passcode {
		t.Errorf("%+v, found in its own URL: %+v", l, again)
	}
	if text := urls(o, Text, "at "+l.URL+" now"); !slices.Equal(text, []string{l.URL}) {
		t.Errorf("%s, found in a text: %q", l.URL, text)
	}
}

func providerHas(name, host string) bool {
	for p := range providersByHost.at(host) {
		if p.name == name {
			return true
		}
	}
	return false
}

// checkFound is what holds for whatever a text may be.
func checkFound(t *testing.T, kind Kind, text string) {
	t.Helper()
	f := find(fuzzOptions, Field{Kind: kind, Text: text})
	if limit := (maxDepth + 2) * (len(text)/8 + 4); f.steps > limit {
		t.Errorf("%d steps for %d bytes", f.steps, len(text))
	}
	for _, l := range f.found().Links {
		checkLink(t, fuzzOptions, l)
	}
}

func FuzzFind(f *testing.F) {
	for _, c := range append(readCases[linkCase](f, "links.jsonl"), readCases[linkCase](f, "further.jsonl")...) {
		f.Add(int(Auto), c.Input)
		f.Add(int(URL), c.Input)
	}
	f.Fuzz(func(t *testing.T, kind int, text string) { checkFound(t, Kind(kind&3), text) })
}

func FuzzHTML(f *testing.F) {
	for _, c := range readCases[linkCase](f, "links.jsonl") {
		if c.Where == "html" || strings.Contains(c.Input, "<") {
			f.Add(c.Input)
		}
	}
	f.Add(`<a href="https://join.gong.io/a/b.?x=!">`)
	f.Add(`<table><td><a href=https://zoom.us/j/123456789><div class=gmail_quote><blockquote type=cite><style><title></head><area href="//zoom.us/j/1234567890">`)
	f.Fuzz(func(t *testing.T, text string) {
		checkFound(t, HTML, text)
		d := readHTML(text)
		at := 0
		for _, a := range d.anchors {
			if a.from < at || a.to < a.from || a.to > len(d.text) {
				t.Errorf("anchor %+v after %d in a text of %d", a, at, len(d.text))
			}
			at = a.from
		}
		for _, q := range d.quoted {
			if q.from > q.to || q.to > len(d.text) {
				t.Errorf("quoted %+v in a text of %d", q, len(d.text))
			}
		}
	})
}

// fuzzDecoder gives a decoder all that may follow a gateway's host. What comes out is no longer than
// what went in allows, and never a meeting that is not a provider's.
func fuzzDecoder(f *testing.F, decode func(address) string, label string) {
	for _, c := range readCases[gatewayCase](f, "gateways.jsonl") {
		if a, ok := parse(c.Wrapped); ok {
			f.Add(a.rest)
		}
	}
	for _, e := range encoders {
		if e.label == label {
			for _, u := range sampleURLs(f)[:20] {
				a, _ := parse(e.wrap(u))
				f.Add(a.rest)
			}
		}
	}
	f.Fuzz(func(t *testing.T, rest string) {
		if len(rest) > maxURL {
			return
		}
		target := decode(address{"gateway.example", rest})
		if strings.HasPrefix(label, "teams") {
			if target != "" && !strings.HasPrefix(target, "https://gateway.example/") {
				t.Errorf("%q leads elsewhere: %q", rest, target)
			}
		} else if len(target) > 3*len(rest)+1 { // JSON replaces a byte that is no UTF-8 by three
			t.Errorf("%d bytes of %d: %q", len(target), len(rest), target)
		}
		if r := new(finder).resolve(target); r.kind == isMeeting {
			checkLink(t, Options{}, r.meeting.link)
		}
	})
}

func FuzzInParam(f *testing.F)      { fuzzDecoder(f, inParam("url"), "safelinks") }
func FuzzInTail(f *testing.F)       { fuzzDecoder(f, inTail, "cisco") }
func FuzzInSegment(f *testing.F)    { fuzzDecoder(f, inSegment, "awstrack") }
func FuzzInBase64(f *testing.F)     { fuzzDecoder(f, inBase64("u"), "sophos") }
func FuzzProofpointV2(f *testing.F) { fuzzDecoder(f, proofpointV2, "proofpoint_v2") }
func FuzzProofpointV3(f *testing.F) { fuzzDecoder(f, proofpointV3, "proofpoint_v3") }
func FuzzCheckPointV2(f *testing.F) { fuzzDecoder(f, checkPointV2, "checkpoint") }
func FuzzMailInBlack(f *testing.F)  { fuzzDecoder(f, mailInBlack, "mailinblack") }
func FuzzTeamsRoute(f *testing.F)   { fuzzDecoder(f, teamsRoute, "teams_launcher") }
func FuzzTeamsCoords(f *testing.F)  { fuzzDecoder(f, teamsCoords, "teams_launcher") }
