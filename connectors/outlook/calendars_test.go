package outlook

import (
	"context"
	"slices"
	"strings"
	"testing"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
)

// secondary is a calendar of eve's besides her default one.
type secondary struct {
	harness
	id string
}

func newSecondary(*testing.T) conntest.Harness {
	tn := tenant()
	return secondary{harness{tn}, tn.AddCalendar(eve, fakegraph.Calendar{Name: "Sales"})}
}

func (h secondary) Connector(t *testing.T) connectors.Connector {
	return open(t, Config{pageSize: 4, Calendars: calendarsAll}, h.tenant, fakegraph.ClientSecret)
}

func (h secondary) Source() calendar.Source {
	s := calendar.NewSource("outlook", "acme.co.uk", eve+"/"+h.id)
	s.User = eve
	return s
}

func (h secondary) Put(m conntest.Meeting) {
	e := testEvent(m)
	e.Calendar = h.id
	h.tenant.Put(eve, e)
}

// TestConformanceOfSecondary: every page and change of another calendar is as good as the default one's.
func TestConformanceOfSecondary(t *testing.T) {
	conntest.Run(t, conntest.Options{}, newSecondary)
}

// TestSecondarySources: users' other calendars are listed, what a colleague shares is not, since it is read there.
func TestSecondarySources(t *testing.T) {
	h := newSecondary(t).(secondary)
	h.tenant.AddCalendar(eve, fakegraph.Calendar{Name: "Finn", SharedBy: "finn@acme.co.uk"})
	gone := h.tenant.AddCalendar("finn@acme.co.uk", fakegraph.Calendar{Name: "Gone"})
	h.tenant.RemoveCalendar("finn@acme.co.uk", gone)
	kept := h.tenant.AddCalendar("finn@acme.co.uk", fakegraph.Calendar{Name: "Kept"})
	sources, err := h.Connector(t).Sources(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range sources {
		if !s.Primary {
			got = append(got, s.Reader()+" "+s.Calendar)
		}
	}
	want := []string{eve + " " + eve + "/" + h.id, "finn@acme.co.uk finn@acme.co.uk/" + kept}
	if slices.Sort(got); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}
