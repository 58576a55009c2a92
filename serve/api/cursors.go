package api

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// cursors say where a list goes on. They are signed, together with what they are for: whoever makes one up, or takes
// one to another list, to other filters or to another store, is told so instead of missing something.
type cursors struct{ key []byte }

const signature = 16

func (c cursors) sign(list string, place []byte) []byte {
	m := hmac.New(sha256.New, c.key)
	m.Write([]byte(strconv.Itoa(len(list)) + ":" + list))
	m.Write(place)
	return m.Sum(nil)[:signature]
}

// cursor is the one for a place in a list; the place is what JSON has for it.
func (c cursors) cursor(list string, place any) (string, error) {
	b, err := json.Marshal(place)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(c.sign(list, b), b...)), nil
}

// read reads a cursor of that list into place.
func (c cursors) read(list, cursor string, place any) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) < signature || !hmac.Equal(b[:signature], c.sign(list, b[signature:])) {
		return huma.Error400BadRequest("this cursor is not one of this list with these filters, or the store is another one by now: begin without one")
	}
	return json.NewDecoder(bytes.NewReader(b[signature:])).Decode(place)
}

// Page is how a list is asked for, and where.
type Page struct {
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"how many at most"`
	After string `query:"after" maxLength:"8192" doc:"the cursor behind which to go on: what \"next\" of the page before has"`
	url   url.URL
}

// Resolve notes where the page was asked for, to say where the next one is.
func (p *Page) Resolve(ctx huma.Context) []error {
	p.url = ctx.URL()
	return nil
}

var _ huma.Resolver = (*Page)(nil)

// filters is all that the list was asked for but the page itself: cursors belong to it.
func (p *Page) filters(list string) string {
	q := p.url.Query()
	q.Del("limit")
	q.Del("after")
	return list + "?" + q.Encode()
}

// link is the Link header of the page that has that cursor, "" if there is none.
func (p *Page) link(cursor string) string {
	if cursor == "" {
		return ""
	}
	q := p.url.Query()
	q.Set("after", cursor)
	return "<" + p.url.EscapedPath() + "?" + q.Encode() + `>; rel="next"`
}
