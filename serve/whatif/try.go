package whatif

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
)

// A Trial is what a policy that somebody wrote down is tried against.
type Trial struct {
	Reader  engine.Reader
	Now     time.Time
	Current *eligibility.Policy // the one in force
	File    string              // where it was read from: what it names is relative to its folder
	Drivers []string            // that may be imported
	// Judge decides by a policy as the daemon would: with its signals, its calendars and its connections.
	Judge func(*eligibility.Policy) engine.Judge
}

// A Result is what a policy would do.
type Result struct {
	Differences []Difference
	Same        int // recordings that stay as they are
	// Unread says that the policies read calendars in different ways: what is stored does not show all of it.
	Unread bool
}

// ErrOtherFile: a policy that is tried reads no file but those that the daemon reads anyway.
var ErrOtherFile = errors.New("directory.file is another one than in the policy in force: whoever tries a policy here can't have other files read; try this one by syncd policy diff")

// Try decides everything by the policy as well as by the one in force. Where the policy is wrong, the error has
// *config.Errors in it, with their lines.
func (t Trial) Try(ctx context.Context, policy []byte) (Result, error) {
	name, err := directoryFile(t.File, policy)
	if err != nil {
		return Result{}, err
	}
	if name != "" && name != t.Current.Directory.File {
		return Result{}, ErrOtherFile
	}
	other, err := config.ParsePolicy(t.File, policy, t.Drivers...)
	if err != nil {
		return Result{}, err
	}
	var r Result
	r.Differences, r.Same, err = Compare(ctx, t.Reader, t.Judge(t.Current), t.Judge(other), t.Now)
	r.Unread = !SameReading(t.Current, other)
	return r, err
}

// directoryFile is the file that a policy names, before anything of it is read.
func directoryFile(path string, policy []byte) (string, error) {
	doc, err := config.Parse(path, policy)
	if err != nil {
		return "", err
	}
	p := eligibility.NewPolicy()
	if err := doc.Decode(p); err != nil {
		return "", err
	}
	return p.Directory.File, nil
}

// A Problem is one thing that is wrong with a policy, and where.
type Problem struct {
	Line    int // from 1; 0 if it is not about a line
	Message string
}

// Problems are what is wrong with a policy that could not be tried; none if err is about something else.
func Problems(err error) []Problem {
	var all []Problem
	var collect func(error)
	collect = func(err error) {
		var one *config.Error
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				collect(e)
			}
			return
		}
		switch {
		case errors.As(err, &one):
			all = append(all, Problem{one.Line, one.Message})
		case errors.Is(err, ErrOtherFile):
			all = append(all, Problem{Message: fmt.Sprint(err)})
		}
	}
	collect(err)
	return all
}
