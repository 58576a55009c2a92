// Package fakehttp is what simulated providers have in common: a transport that answers by itself.
package fakehttp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// An Answer is a JSON answer.
type Answer struct {
	Status     int
	Body       any
	RetryAfter time.Duration // 0: not said
}

// RoundTrip reads r's body and answers as say does.
func RoundTrip(r *http.Request, contentType string, say func(body []byte) Answer) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	a := say(body)
	b, err := json.Marshal(a.Body)
	if err != nil {
		return nil, err
	}
	h := http.Header{"Content-Type": {contentType}}
	if a.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(a.RetryAfter/time.Second)))
	}
	return &http.Response{
		StatusCode: a.Status, Status: fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(b)), ContentLength: int64(len(b)), Request: r,
	}, nil
}
