package metrics

import (
	"net/http"
	"time"
)

// classes are the values of the label code, by the first digit of a status; failed is that of a request without an answer.
var classes = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

const failed = "error"

// Transport counts the requests of a connector of the driver on their way to next.
func (m *Metrics) Transport(driver string, next http.RoundTripper) http.RoundTripper {
	return &counting{m, driver, next}
}

type counting struct {
	m      *Metrics
	driver string
	next   http.RoundTripper
}

// RoundTrip counts one request.
func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := c.next.RoundTrip(r)
	c.m.requesting.WithLabelValues(c.driver).Observe(time.Since(began).Seconds())
	code := failed
	if class := 0; err == nil {
		if class = resp.StatusCode/100 - 1; class >= 0 && class < len(classes) {
			code = classes[class]
		}
		if throttled(resp) {
			c.m.throttles.WithLabelValues(c.driver).Inc()
		}
	}
	c.m.requests.WithLabelValues(c.driver, code).Inc()
	return resp, err
}

// throttled reports whether the answer says to come again later. What only its body says is not read here: a pull that
// ends because of it counts as throttled.
func throttled(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		return true
	case http.StatusForbidden, http.StatusServiceUnavailable:
		return resp.Header.Get("Retry-After") != ""
	}
	return false
}

// CloseIdleConnections closes those of next.
func (c *counting) CloseIdleConnections() {
	if next, ok := c.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}
