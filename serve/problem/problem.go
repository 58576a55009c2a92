// Package problem answers requests with problem details (RFC 9457).
package problem

import (
	"encoding/json"
	"net/http"
)

// ContentType is that of every error.
const ContentType = "application/problem+json"

// Write answers with status, and with detail: a sentence for whoever sent the request, which says what to do.
func Write(w http.ResponseWriter, status int, detail string) {
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Del("Content-Length")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(struct { // who has gone away needs no answer
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, detail})
}
