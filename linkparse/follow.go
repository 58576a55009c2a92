package linkparse

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A Resolver asks a gateway where a wrapped link leads. It goes one step: url is on a host of a gateway,
// and the answer is the URL that the gateway sends its visitor to, or "" if it sends nobody on. That URL
// is not opened. Implementations must not send credentials, and must not reach into private networks:
// the text of an invitation says what is asked.
type Resolver interface {
	Resolve(ctx context.Context, url string) (string, error)
}

const (
	maxFollowed = 8 // links of one event
	maxSteps    = 5 // for one link
)

// A wrapped link is one that could not be decoded offline.
type wrapped struct {
	where string
	result
}

// Follow is Find, but where the fields have no link to a meeting, r is asked for what is behind those that
// stay wrapped. The error joins what r failed with, without the links: they name who received them. The
// links that were not followed are reported as Find does.
func Follow(ctx context.Context, o Options, r Resolver, fields ...Field) (Found, error) {
	f := gather(o, fields)
	var failures []error
	if len(f.links) == 0 {
		f.opaque = nil
		for i, w := range f.wrapped {
			var ended bool
			var err error
			if i < maxFollowed {
				ended, err = f.follow(ctx, r, w)
			}
			if err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", w.opaque.Wrapper, err))
			}
			if !ended && !slices.Contains(f.opaque, w.opaque) {
				f.opaque = append(f.opaque, w.opaque)
			}
		}
	}
	f.recover()
	return f.found(), errors.Join(failures...)
}

// follow goes the steps from one wrapped link to what is behind it. Only the gateways themselves are
// asked: it ends at the first URL that is on none's host.
func (f *finder) follow(ctx context.Context, r Resolver, w wrapped) (ended bool, err error) {
	labels, url := w.labels, w.url
	for range maxSteps {
		if url == "" { // too deep to be decoded
			return false, nil
		}
		if url, err = r.Resolve(ctx, url); err != nil || url == "" {
			return false, err
		}
		next := f.resolve(url)
		switch next.kind {
		case isMeeting:
			next.meeting.link.Where = w.where
			next.meeting.link.WrappedBy = append(slices.Clone(labels), next.meeting.link.WrappedBy...)
			f.add(candidate{meeting: next.meeting})
			return true, nil
		case isOpaque:
			url, labels = next.url, append(slices.Clone(labels), next.labels...)
		default:
			if !gatewayHost(url, w.opaque.Wrapper) {
				return true, nil // no meeting
			}
		}
	}
	return false, nil
}

// gatewayHost reports whether the URL is on a host of the gateway: some redirect to themselves.
func gatewayHost(url, label string) bool {
	a, ok := parse(url)
	if !ok {
		return false
	}
	for g := range gatewaysByHost.at(a.host) {
		if g.label == label {
			return true
		}
	}
	return false
}
