// Command syncd reads a company's calendars and says which meetings are to be recorded.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	_ "time/tzdata" // zone names work on machines that have no zones

	"github.com/alecthomas/kong"
)

// The exit statuses, for scripts.
const (
	exitOK     = 0
	exitFailed = 1 // something of the input, or of the set-up, is wrong; what was right has been done
	exitUsage  = 2 // arguments, configuration or policy can't be used; nothing has been done
)

// cli is the command line.
type cli struct {
	Run     runCommand     `cmd:"" help:"Read calendars, decide and deliver recording schedules, until SIGINT or SIGTERM."`
	Health  healthCommand  `cmd:"" help:"Ask a running daemon whether it is ready, for service managers: exit status 0 if it is."`
	Explain explainCommand `cmd:"" help:"Say why a meeting is recorded or not, from what the daemon has stored."`
	Signal  signalCommand  `cmd:"" help:"Note that somebody wants a meeting skipped or recorded, or opts out of it."`
	Policy  policyCommand  `cmd:"" help:"Try a policy before it is in force."`
	Check   checkCommand   `cmd:"" help:"Try the set-up: policy, keys, store, connections, targets, the HTTP side and the clock; say what to do first. Tells nobody anything, and stores nothing but tokens that a provider replaces meanwhile."`

	Connect     connectCommand     `cmd:"" help:"Have a user let a connection read their calendars, in the browser."`
	Disconnect  disconnectCommand  `cmd:"" help:"End what a user has granted to a connection, at the provider and here."`
	Coordinator coordinatorCommand `cmd:"" help:"Mail to a coordinator: what is held, and how invites get there."`
	Deliver     deliverCommand     `cmd:"" help:"What is on its way to targets, and having it tried again."`
	Forget      forgetCommand      `cmd:"" help:"Take a person out of the store: their calendars, their grants, and the meetings that have ended."`
	Token       tokenCommand       `cmd:"" help:"Tokens of the API: make, list and revoke them."`
	Store       storeCommand       `cmd:"" help:"Copy the store: from SQLite to PostgreSQL, or back."`
	Keys        keysCommand        `cmd:"" help:"Make and renew the keys that seal what users grant."`

	Decide  decideCommand  `cmd:"" help:"Decide events given as JSON Lines. Needs no network and no store."`
	Links   linksCommand   `cmd:"" help:"Find the conference links in texts given as JSON Lines. Needs no network."`
	Demo    demoCommand    `cmd:"" help:"Try it without a company: a simulated tenant on this machine."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// usageError is an error that makes the command useless: exit status 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errPartly says that everything has been said already, and that not all went well: exit status 1.
var errPartly = errors.New("not all went well")

func main() {
	os.Exit(run(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// untilSignalled is a context for the commands that ask for one. The others wait for nothing but files and
// standard input, and are ended by SIGINT and SIGTERM as any process is.
func untilSignalled(ctx context.Context) func() (context.Context, error) {
	return func() (context.Context, error) {
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop) // a second signal ends what the first one did not
		return ctx, nil
	}
}

// run is main without the process, and returns the exit status.
func run(ctx context.Context, args []string, s streams) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("syncd"),
		kong.Description("Reads a company's calendars and says which meetings are to be recorded, and why."),
		kong.Writers(s.out, s.err), kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(), kong.BindToProvider(untilSignalled(ctx)), kong.Bind(s))
	if err != nil {
		fmt.Fprintln(s.err, "syncd:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if exited >= 0 { // help has been printed
		return exited
	}
	if err != nil {
		fmt.Fprintf(s.err, "syncd: %v (see syncd --help)\n", err)
		return exitUsage
	}
	err = k.Run()
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errPartly):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintln(s.err, err)
		return exitUsage
	}
	fmt.Fprintln(s.err, "syncd:", err)
	return exitFailed
}
