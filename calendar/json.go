package calendar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/syncd/linkparse"
)

// copyJSON is a copy as one JSON object, with the field's standard names. Connectors' fixtures, the
// command line and the store share it.
type copyJSON struct {
	Source       string           `json:"source"`
	Account      string           `json:"account,omitempty"`
	Calendar     string           `json:"calendar,omitempty"`
	User         string           `json:"user,omitempty"` // as whom the calendar is read, if not as itself
	Primary      bool             `json:"primary,omitempty"`
	ID           Ref              `json:"id"`
	UID          string           `json:"uid"`
	Original     whenJSON         `json:"original_start,omitzero"`
	Kind         string           `json:"kind,omitempty"`
	Status       string           `json:"status,omitempty"`
	Title        string           `json:"title,omitempty"`
	Start        whenJSON         `json:"start,omitzero"`
	End          whenJSON         `json:"end,omitzero"`
	TimeZone     string           `json:"time_zone,omitempty"`
	Visibility   string           `json:"visibility,omitempty"`
	Organizer    Person           `json:"organizer,omitzero"`
	Creator      Person           `json:"creator,omitzero"`
	Attendees    []Attendee       `json:"attendees,omitempty"`
	Location     string           `json:"location,omitempty"`
	Description  string           `json:"description,omitempty"`
	Conference   []Conference     `json:"conference,omitempty"`
	Updated      time.Time        `json:"updated,omitzero"`
	Received     time.Time        `json:"received,omitzero"`
	Sequence     int              `json:"sequence,omitempty"`
	Hidden       bool             `json:"details_hidden,omitempty"`
	GuestsHidden bool             `json:"guests_hidden,omitempty"`
	Links        *linkparse.Found `json:"links,omitempty"` // stored copies only
}

// whenJSON is a When as text: RFC 3339, or a date alone.
type whenJSON struct{ When }

func (w whenJSON) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

func (w *whenJSON) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "" {
		w.When = When{}
		return nil
	}
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		w.When = When{Day: s}
		return nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return fmt.Errorf("%q is neither a time (2026-11-24T10:00:00Z) nor a day (2026-11-24)", s)
	}
	w.When = At(t)
	return nil
}

// MarshalJSON writes c as one JSON object, in a fixed order of keys.
func (c Copy) MarshalJSON() ([]byte, error) {
	return json.Marshal(copyJSON{
		Source: c.Source.Driver, Account: c.Source.Account, Calendar: c.Source.Calendar, User: c.Source.User, Primary: c.Source.Primary,
		ID: c.Ref, UID: c.UID, Original: whenJSON{c.Original}, Kind: c.Kind, Status: c.Status, Title: c.Title,
		Start: whenJSON{c.Start}, End: whenJSON{c.End}, TimeZone: c.TimeZone, Visibility: c.Visibility,
		Organizer: c.Organizer, Creator: c.Creator, Attendees: c.Attendees,
		Location: c.Location, Description: c.Description, Conference: c.Conference,
		Updated: c.Updated, Received: c.Received, Sequence: c.Sequence, Hidden: c.Hidden, GuestsHidden: c.GuestsHidden, Links: c.Links,
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *Copy) UnmarshalJSON(b []byte) error {
	var j copyJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*c = j.copy()
	return nil
}

// ParseCopy reads one copy that a person or another program wrote: unknown keys, a missing source, id
// or uid and values outside a key's list are errors. The UID is made canonical.
func ParseCopy(line []byte) (Copy, error) {
	var j copyJSON
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return Copy{}, plain(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Copy{}, errors.New("more than one JSON value on the line")
	}
	if err := j.check(); err != nil {
		return Copy{}, err
	}
	return j.copy(), nil
}

func (j *copyJSON) copy() Copy {
	return Copy{
		Source: Source{
			ID: NewSourceID(j.Source, j.Account, j.Calendar), Driver: j.Source,
			Account: j.Account, Calendar: j.Calendar, User: j.User, Primary: j.Primary,
		},
		Event: Event{
			Ref: j.ID, UID: CanonicalUID(j.UID), Original: j.Original.When, Kind: j.Kind, Status: j.Status,
			Title: j.Title, Start: j.Start.When, End: j.End.When, TimeZone: j.TimeZone, Visibility: j.Visibility,
			Organizer: j.Organizer, Creator: j.Creator, Attendees: j.Attendees,
			Location: j.Location, Description: j.Description, Conference: j.Conference,
			Updated: j.Updated, Received: j.Received, Sequence: j.Sequence, Hidden: j.Hidden, GuestsHidden: j.GuestsHidden, Links: j.Links,
		},
	}
}

// plain puts the messages of encoding/json in the words of the file's author.
func plain(err error) error {
	var wrong *json.UnmarshalTypeError
	var noTime *time.ParseError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON object is torn off")
	case errors.As(err, &wrong) && wrong.Field == "":
		return fmt.Errorf("it is a %s, not an object", wrong.Value)
	case errors.As(err, &noTime):
		return fmt.Errorf("%s is no time such as 2026-11-24T10:00:00Z", noTime.Value)
	case errors.As(err, &wrong):
		return fmt.Errorf("%q cannot be a %s", wrong.Field, wrong.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

func (j *copyJSON) check() error {
	if j.Links != nil {
		return errors.New(`unknown field "links"`) // the stored form's own key
	}
	for _, required := range []struct{ key, value string }{
		{"source", j.Source}, {"id", string(j.ID)}, {"uid", j.UID},
	} {
		if strings.TrimSpace(required.value) == "" {
			return fmt.Errorf("the key %q is missing or empty", required.key)
		}
	}
	lists := []listed{
		{"kind", j.Kind, []string{"", KindDefault, KindFocus, KindOutOfOffice, KindWorkingLocation, KindBirthday, KindTask}},
		{"status", j.Status, []string{"", StatusConfirmed, StatusTentative, StatusCancelled}},
		{"visibility", j.Visibility, []string{"", VisibilityDefault, VisibilityPublic, VisibilityPrivate, VisibilityConfidential}},
	}
	for _, a := range j.Attendees {
		lists = append(lists,
			listed{"attendees.kind", a.Kind, []string{"", AttendeePerson, AttendeeGroup, AttendeeResource}},
			listed{"attendees.response", a.Response, []string{"", ResponseAccepted, ResponseTentative, ResponseDeclined, ResponseNone}})
	}
	for _, l := range lists {
		if err := l.check(); err != nil {
			return err
		}
	}
	return nil
}

// listed is a key whose values come from a list; the empty one stands for an absent key.
type listed struct {
	key, value string
	values     []string
}

func (l listed) check() error {
	for _, v := range l.values {
		if l.value == v {
			return nil
		}
	}
	return fmt.Errorf("%q is no %s; it is one of %s", l.value, l.key, strings.Join(l.values[1:], ", "))
}
