package fakegraph

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"syscall"
	"time"
)

// A Fault is what goes wrong with a request. The zero Fault is nothing.
type Fault struct {
	// Err is that there is no answer at all.
	Err error

	// Status answers instead of the service, with this body.
	Status      int
	Body        string
	ContentType string
	RetryAfter  time.Duration

	// Rewrite spoils the answer's body, before it is compressed.
	Rewrite func([]byte) []byte
	// Cut ends the body in its middle, with Broken, or as if the connection had been closed.
	Cut    bool
	Broken error
}

func (f Fault) answer() answer {
	var body any
	if f.Body != "" {
		body = f.Body
	}
	return answer{status: f.Status, body: body}.after(f.RetryAfter)
}

// HTMLError is an error of something before the service: not in JSON.
func HTMLError(status int, after time.Duration) Fault {
	text := http.StatusText(status)
	return Fault{Status: status, RetryAfter: after, ContentType: "text/html; charset=utf-8", Body: fmt.Sprintf(
		"<!DOCTYPE html><html><head><title>%d %s</title></head><body><h2>Our services aren't available right now</h2></body></html>", status, text)}
}

// EmptyError is an error that says nothing ("{}" bodies: msgraph-sdk-go#313, #559).
func EmptyError(status int, after time.Duration) Fault {
	return Fault{Status: status, RetryAfter: after, ContentType: "application/json", Body: "{}"}
}

// CodedError is an error in Graph's own shape.
func CodedError(status int, code, message string, after time.Duration) Fault {
	return Fault{Status: status, RetryAfter: after, ContentType: "application/json", Body: fmt.Sprintf(`{"error":{"code":%q,"message":%q}}`, code, message)}
}

// timeout is a net.Error.
type timeout struct{}

func (timeout) Error() string   { return "simulated: i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// Timeout is a network that does not answer.
func Timeout() Fault { return Fault{Err: timeout{}} }

// ResetMidBody breaks the connection within the answer.
func ResetMidBody() Fault { return Fault{Cut: true, Broken: syscall.ECONNRESET} }

// CutOff closes the connection within the answer, though more was announced.
func CutOff() Fault { return Fault{Cut: true} }

// Truncated is half of the JSON, in an answer that is whole by its length.
func Truncated() Fault {
	return Fault{Rewrite: func(b []byte) []byte { return b[:len(b)/2] }}
}

// Garbage is no JSON.
func Garbage() Fault {
	return Fault{Rewrite: func([]byte) []byte { return []byte("\x00\xff<<< not what you asked for >>>") }}
}

// Oversize appends so much white space, which JSON allows.
func Oversize(n int) Fault {
	return Fault{Rewrite: func(b []byte) []byte { return append(b, bytes.Repeat([]byte{' '}, n)...) }}
}

// BadField gives a property's first occurrence a value, as JSON, of a wrong type. It must be a string or a
// boolean.
func BadField(name, value string) Fault {
	at := regexp.MustCompile(`"` + regexp.QuoteMeta(name) + `":("(?:[^"\\]|\\.)*"|true|false)`)
	return Fault{Rewrite: func(b []byte) []byte {
		m := at.FindIndex(b)
		if m == nil {
			return b
		}
		return bytes.Join([][]byte{b[:m[0]], []byte(`"` + name + `":` + value), b[m[1]:]}, nil)
	}}
}
