// Package endpoint sends what is meant for a provider's hosts to one other address: a simulated tenant's.
package endpoint

import (
	"errors"
	"net/http"
	"net/url"
)

// Check says what is wrong with an endpoint as a configuration has it; nothing if it is empty.
func Check(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New(`it is an address without a path, as "http://127.0.0.1:4014"; leave it out for the real service`)
	}
	return nil
}

// Transport sends every request to the endpoint, which Check has found to be good, whatever host it was meant
// for. A simulated tenant tells its hosts apart by the path.
func Transport(endpoint string, base http.RoundTripper) http.RoundTripper {
	u, err := url.Parse(endpoint)
	if err != nil {
		u = &url.URL{}
	}
	return transport{u.Scheme, u.Host, base}
}

type transport struct {
	scheme, host string
	base         http.RoundTripper
}

// RoundTrip sends r to the endpoint.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	there := r.Clone(r.Context())
	there.URL.Scheme, there.URL.Host, there.Host = t.scheme, t.host, ""
	return t.base.RoundTrip(there)
}
