package coordinator

import (
	"strings"
	"testing"

	"example.com/syncd/connectors/conntest"
)

// TestAnswers: what guests answer holds for the version that they answered, until the organizer says otherwise.
func TestAnswers(t *testing.T) {
	const (
		guests = " ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:joe@globex.com ATTENDEE;PARTSTAT=ACCEPTED:mailto:ana@acme.com"
		once   = "REQUEST " + single + guests
		series = "REQUEST " + weekly + guests
		joe    = " ATTENDEE;PARTSTAT=DECLINED:mailto:Joe@globex.com"
	)
	for _, c := range []struct {
		name  string
		mails script
		want  string // joe's answers, occurrence by occurrence
	}{
		{"none", script{once}, "none"},
		{"declined", script{once, "REPLY SEQUENCE:1" + joe}, "declined"},
		{"twice, the later one", script{once, "REPLY SEQUENCE:1" + joe, "REPLY SEQUENCE:1 ATTENDEE;PARTSTAT=TENTATIVE:mailto:joe@globex.com"}, "tentative"},
		{"twice, in the other order", script{once, "REPLY SEQUENCE:1 DTSTAMP:20261121T000000Z" + joe, "REPLY SEQUENCE:1 DTSTAMP:20261120T120000Z ATTENDEE;PARTSTAT=TENTATIVE:mailto:joe@globex.com"}, "declined"},
		{"before the invite came", script{"REPLY SEQUENCE:1 DTSTAMP:20261121T000000Z" + joe, once}, "declined"},
		{"another time is proposed", script{once, "COUNTER SEQUENCE:1 DTSTART:20261125T100000Z" + joe}, "declined"},
		{"to an older version", script{once, "REPLY SEQUENCE:0" + joe}, "none"},
		{"a newer invite says otherwise", script{once, "REPLY SEQUENCE:1" + joe, "REQUEST SEQUENCE:2 DTSTART:20261124T120000Z" + guests}, "none"},
		{"of somebody who is no guest", script{once, "REPLY SEQUENCE:1 ATTENDEE;PARTSTAT=DECLINED:mailto:eve@evil.example"}, "none"},
		{"to the series", script{series, "REPLY SEQUENCE:1" + joe}, "declined declined declined"},
		{"to one occurrence", script{series, "REPLY SEQUENCE:1 " + second + joe}, "none declined none"},
		{"to the series, and otherwise to one", script{series, "REPLY SEQUENCE:1" + joe, "REPLY SEQUENCE:1 " + second + " ATTENDEE;PARTSTAT=ACCEPTED:mailto:joe@globex.com"}, "declined accepted declined"},
		{"of two people at once", script{once, "REPLY SEQUENCE:1" + joe + " ATTENDEE;PARTSTAT=DECLINED:mailto:ana@acme.com"}, "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := open(t, c.mails.files(), discard).Pull(t.Context(), mailbox, "", conntest.Horizon)
			if err != nil {
				t.Fatal(err)
			}
			l := conntest.NewLedger()
			l.Apply(p)
			var got []string
			for _, ref := range []string{"u", "u/2026-11-24T10:00:00Z", "u/2026-12-01T10:00:00Z", "u/2026-12-08T10:00:00Z"} {
				for _, e := range l.Copies {
					if string(e.Ref) == ref {
						got = append(got, e.Attendees[0].Response)
						if e.Start.String() == "2026-11-25T10:00:00Z" || !e.Received.Before(conntest.Now) {
							t.Errorf("it is moved by an answer: %+v", e)
						}
					}
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s, want %s", s, c.want)
			}
		})
	}
}
