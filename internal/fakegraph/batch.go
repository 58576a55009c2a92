package fakegraph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// batchMost is how many parts a batch may have ("Combine multiple requests in one HTTP call using JSON
// batching").
const batchMost = 20

// batch is POST /$batch. Each part has its own status, and counts for the limits; the answers come in any
// order, here the last one first.
func (c *call) batch() answer {
	var in struct {
		Requests []struct {
			ID, Method, URL string
			Headers         map[string]string
			Body            json.RawMessage
		}
	}
	if c.method != "POST" || c.inner || json.Unmarshal(c.body, &in) != nil || len(in.Requests) == 0 {
		return refuse(400, "BadRequest", "Invalid batch payload format.")
	}
	if len(in.Requests) > batchMost {
		return refuse(400, "BadRequest", fmt.Sprintf("The number of batch request steps %d exceeds the maximum limit of %d.", len(in.Requests), batchMost))
	}
	seen := map[string]bool{}
	parallel := map[string]int{} // by mailbox: the parts of a batch run at once
	responses := make([]any, len(in.Requests))
	for i, part := range in.Requests {
		if part.ID == "" || seen[part.ID] {
			return refuse(400, "BadRequest", "Request Ids must be unique and not empty.")
		}
		seen[part.ID] = true
		at, err := url.Parse(part.URL)
		if err != nil {
			return refuse(400, "BadRequest", "Invalid request URL.")
		}
		h := http.Header{"Authorization": c.r.Header["Authorization"]}
		for key, value := range part.Headers {
			h.Set(key, value)
		}
		path := append([]string{c.path[0]}, segments(at.Path)...)
		sub := &call{
			t: c.t, method: part.Method, path: path, values: at.Query(), body: part.Body, base: c.base, inner: true,
			r: &http.Request{Method: part.Method, URL: &url.URL{Path: "/" + strings.Join(path, "/"), RawQuery: at.RawQuery}, Header: h},
		}
		a := sub.part(parallel)
		raw, kind := a.encode()
		one := map[string]any{"id": part.ID, "status": a.status, "headers": map[string]any{"Content-Type": kind}}
		for key := range a.header {
			one["headers"].(map[string]any)[key] = a.header.Get(key)
		}
		if kind != "" {
			one["body"] = a.body
		}
		responses[len(responses)-1-i] = one
		c.t.journal = append(c.t.journal, Entry{part.Method, sub.r.URL.Path, at.RawQuery, a.status, len(raw), true})
	}
	return answer{status: 200, body: map[string]any{"responses": responses}}
}

// part answers a part of a batch within the limits.
func (c *call) part(parallel map[string]int) answer {
	if box := c.t.mailboxOf(c.path); box != "" {
		if a, ok := c.t.count(box); !ok {
			return a
		}
		parallel[box]++
		if most := c.t.Limits.Concurrent; most > 0 && c.t.gauge.now[box]+parallel[box] > most {
			return c.t.tooMany("MailboxConcurrency")
		}
	}
	return c.answer()
}
