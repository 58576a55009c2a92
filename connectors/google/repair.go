package google

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"

	gcal "google.golang.org/api/calendar/v3"
)

// wrongType reports whether an answer has a value of another type than Google documents: the SDK then
// gives none of it.
func wrongType(err error) bool {
	var wrong *json.UnmarshalTypeError
	return errors.As(err, &wrong)
}

// repair makes answers readable in which single events are not: of those it leaves their ids, so that
// they cost themselves alone and are not taken for deleted.
type repair struct {
	base http.RoundTripper
	log  *slog.Logger
}

// RoundTrip sends r on, and mends what comes back.
func (p repair) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := p.base.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(p.mend(body))), -1
	return resp, nil
}

func (p repair) mend(body []byte) []byte {
	var list map[string]json.RawMessage
	var items []json.RawMessage
	if json.Unmarshal(body, &list) != nil || json.Unmarshal(list["items"], &items) != nil {
		return body
	}
	for i, item := range items {
		var e gcal.Event
		if json.Unmarshal(item, &e) == nil {
			continue
		}
		known := idsOf(item)
		p.log.Warn("an event can't be read: a value in it is of a type that Google does not document", "event", known["id"])
		b, err := json.Marshal(known)
		if err != nil {
			return body
		}
		items[i] = b
	}
	b, err := json.Marshal(items)
	if err != nil {
		return body
	}
	list["items"] = b
	if b, err = json.Marshal(list); err != nil {
		return body
	}
	return b
}

// idsOf are an event's ids and status, as far as they are what they should be.
func idsOf(item json.RawMessage) map[string]string {
	known := map[string]string{}
	var fields map[string]json.RawMessage
	if json.Unmarshal(item, &fields) != nil {
		return known
	}
	for _, name := range []string{"id", "iCalUID", "recurringEventId", "status"} {
		var s string
		if json.Unmarshal(fields[name], &s) == nil && s != "" {
			known[name] = s
		}
	}
	return known
}
