package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/coordinator"
	"example.com/syncd/store"
)

// coordinatorCommand is about mail to a coordinator.
type coordinatorCommand struct {
	Held    heldCommand    `cmd:"" help:"List the mails that are held, since it is not known whether to believe them."`
	Release releaseCommand `cmd:"" help:"Believe mails that are held."`
	Rule    ruleCommand    `cmd:"" help:"Print how mail servers are told to add the coordinator to all invites."`
}

// heldCommand lists what is held.
type heldCommand struct {
	configFlag
	Unused bool `help:"List those that say nothing of meetings instead."`
	JSON   bool `help:"Print JSON Lines instead of a table."`
	Max    int  `default:"200" help:"How many to list at most, the newest first (${default})." placeholder:"N"`
}

// heldLine is a letter as the command prints it.
type heldLine struct {
	ID       string    `json:"id"`
	Source   string    `json:"source"`
	Received time.Time `json:"received"`
	Sender   string    `json:"sender,omitempty"`
	Title    string    `json:"title,omitempty"`
	Meetings []string  `json:"meetings,omitempty"`
	Reason   string    `json:"reason"`
}

// Run lists them.
func (c *heldCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	st, err := openStore(ctx, cfg, c.Config)
	if err != nil {
		return err
	}
	defer st.Close()
	state := connectors.LetterHeld
	if c.Unused {
		state = connectors.LetterUnused
	}
	letters, err := st.LettersOf(ctx, state, c.Max)
	if err != nil {
		return err
	}
	rows := [][]string{{"ID", "RECEIVED (UTC)", "SENDER SAYS", "TITLE", "WHY"}}
	for _, l := range letters {
		line := lineOf(l)
		if c.JSON {
			if err := printLine(s.out, line); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{short(line.ID), line.Received.Format("Mon 2 Jan 15:04"), cmp.Or(printable(line.Sender), "–"), titleOf(line.Title), printable(line.Reason)})
	}
	switch {
	case c.JSON:
		return nil
	case len(letters) == 0:
		_, err := fmt.Fprintln(s.out, map[bool]string{false: "no mail is held", true: "every mail was of use"}[c.Unused])
		return err
	}
	var b bytes.Buffer
	table(&b, rows)
	_, err = s.out.Write(b.Bytes())
	return err
}

func lineOf(l store.KeptLetter) heldLine {
	line := heldLine{ID: l.ID, Source: string(l.Source), Received: l.Received, Sender: l.Sender, Reason: l.Reason}
	for _, n := range l.News {
		line.Title = cmp.Or(line.Title, n.Event.Title)
		line.Meetings = append(line.Meetings, n.Meeting)
	}
	return line
}

// short is enough of an id to name a letter by.
func short(id string) string { return id[:min(8, len(id))] }

// releaseCommand makes held mails count.
type releaseCommand struct {
	configFlag
	IDs []string `arg:"" name:"id" help:"Which: their ids, or as much of each as is in no other."`
}

// Run releases them. One that can't be is named, and the others are released.
func (c *releaseCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	q, err := store.OpenQuarantine(ctx, cfg.Store)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no store at %s yet; no mail is held", cfg.Store)
	}
	if err != nil {
		return err
	}
	defer q.Close()
	failed := false
	for _, id := range c.IDs {
		l, err := q.Release(ctx, id)
		if err != nil {
			fmt.Fprintln(s.err, "syncd:", err)
			failed = true
			continue
		}
		line := lineOf(l)
		fmt.Fprintf(s.out, "released: %s, from %s; a running daemon takes it up at its next look\n", titleOf(line.Title), cmp.Or(printable(line.Sender), "nobody in particular"))
	}
	if failed {
		return errPartly
	}
	return nil
}

// ruleCommand prints set-up steps.
type ruleCommand struct {
	configFlag
	For        string `arg:"" enum:"exchange,google" help:"exchange: a transport rule for Exchange Online, as PowerShell. google: routing in Google Workspace, step by step."`
	Connection string `arg:"" optional:"" help:"The connection: its name, or DRIVER:NAME. Not needed if there is one coordinator."`
}

// Run prints them for the connection's address.
func (c *ruleCommand) Run(s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	found, err := c.coordinator(cfg)
	if err != nil {
		return usageError{err}
	}
	address := found.Address
	text := map[string]string{"exchange": exchangeRule, "google": googleRule}[c.For]
	_, err = fmt.Fprint(s.out, strings.NewReplacer("ADDRESS", address, "DOMAINS", cmp.Or(strings.Join(found.Domains, ", "), "the company's domains")).Replace(text))
	return err
}

func (c *ruleCommand) coordinator(cfg *config.Config) (*coordinator.Config, error) {
	if c.Connection != "" {
		found, err := findConnection(cfg, c.Connection)
		if err != nil {
			return nil, err
		}
		if is, ok := found.Config.(*coordinator.Config); ok {
			return is, nil
		}
		return nil, fmt.Errorf("the connection %s:%s is no coordinator", found.Driver.Name, found.Name)
	}
	var all []*coordinator.Config
	for _, conn := range cfg.Connections {
		if is, ok := conn.Config.(*coordinator.Config); ok {
			all = append(all, is)
		}
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("%s has %d coordinators: name the connection", cfg.Path, len(all))
	}
	return all[0], nil
}

// exchangeRule: MessageTypeMatches Calendaring is of invites, updates, cancellations and answers.
const exchangeRule = `# In Exchange Online PowerShell (Connect-ExchangeOnline), as an administrator of the organization.

# Sends a blind copy of every invite, update, cancellation and answer that somebody of the organization sends.
# For some people alone, add: -FromMemberOf GROUP
New-TransportRule -Name "syncd: invites to ADDRESS" -FromScope InOrganization -MessageTypeMatches Calendaring -BlindCopyTo ADDRESS

# The rule is in force within half an hour. To take it away again:
# Remove-TransportRule "syncd: invites to ADDRESS"

# Only if the mailbox of ADDRESS is in Exchange Online, and is read by IMAP:
# invites as they were sent, not as links to Outlook on the web, and nobody who answers or tidies them.
Set-CASMailbox ADDRESS -ImapEnabled $true -ImapUseProtocolDefaults $false -ImapForceICalForCalendarRetrievalOption $true
Set-CalendarProcessing ADDRESS -AutomateProcessing None

# Only if mail to ADDRESS leaves the organization: invites as iCalendar, not as winmail.dat.
# Set-RemoteDomain Default -TNEFEnabled $false
`

const googleRule = `In the Admin console (admin.google.com), as a super administrator:

1. Apps, Google Workspace, Gmail, Compliance, Content compliance, Configure.
2. Name it "syncd: invites to ADDRESS".
3. Email messages to affect: Outbound, and Internal - sending.
4. Add expressions: If ANY of the following match the message. Add: Advanced content match;
   Location: Full headers; Match type: Contains text; Content: text/calendar.
   Add another: Advanced content match; Location: Raw message; Contains text; Content: text/calendar.
5. If the above expressions match: Modify message. Also deliver to: Add more recipients, ADDRESS.
6. Show options, Account types to affect: Users. To cover some people alone, choose their organizational unit first.
7. Save. It may take a day to be in force.

The organizers' domains must be among the connection's domains: DOMAINS.
`
