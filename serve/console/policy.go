package console

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/syncd/eligibility"
	"example.com/syncd/serve/whatif"
)

// policyBody is the page of the policy, and of trying another one.
type policyBody struct {
	Policy
	Sections []policySection
	Text     string // in the form
	Tried    bool
	Result   whatif.Result
	Rows     []differenceRow
	More     int // differences that are not shown
	Counts   map[string]int
	Problems []problemRow
}

// policySection is what the policy says of one thing, in sentences.
type policySection struct {
	Title string
	Says  []string
}

type differenceRow struct {
	whatif.Difference
	Mark     mark
	What, By string
}

type problemRow struct {
	whatif.Problem
	Excerpt []excerptLine
}

type excerptLine struct {
	Number int
	Text   string
	Wrong  bool
}

// mostDifferences and mostProblems are more than anybody reads.
const (
	mostDifferences = 200
	mostProblems    = 30
)

func (c *console) policy(r *http.Request) (answer, error) {
	b, err := c.policyOf(r)
	b.Text = b.Policy.Text
	return answer{page: "policy", title: "Policy", section: "policy", body: b}, err
}

func (c *console) policyOf(r *http.Request) (policyBody, error) {
	p, err := c.Data.Policy(r.Context())
	if err != nil {
		return policyBody{}, err
	}
	return policyBody{Policy: p, Sections: inWords(p.Policy)}, nil
}

// try shows what another policy would do.
func (c *console) try(r *http.Request) (answer, error) {
	by, err := c.mayAct(r, Try)
	if err != nil {
		return answer{}, err
	}
	b, err := c.policyOf(r)
	if err != nil {
		return answer{}, err
	}
	if err := r.ParseForm(); err != nil {
		return answer{}, err
	}
	// Browsers send the lines of a text with CR LF.
	b.Text, b.Tried = strings.ReplaceAll(r.PostForm.Get("policy"), "\r\n", "\n"), true
	if len(b.Text) > policyLimit {
		return answer{}, refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("A policy has at most %d bytes.", policyLimit)}
	}
	a := answer{page: "policy", title: "What if", section: "policy"}
	result, err := c.Actions.Try(r.Context(), by, []byte(b.Text))
	problems := whatif.Problems(err)
	switch {
	case len(problems) > 0:
		a.status, b.Problems = http.StatusUnprocessableEntity, problemRows(b.Text, problems)
	case errors.Is(err, ErrBusy):
		return answer{}, refusal{http.StatusConflict, sentence(err)}
	case err != nil:
		return answer{}, err
	default:
		b.Result, b.Counts = result, map[string]int{}
		for _, d := range result.Differences {
			b.Counts[d.Change]++
		}
		shown := result.Differences[:min(len(result.Differences), mostDifferences)]
		b.More = len(result.Differences) - len(shown)
		for _, d := range shown {
			d.Title = cmp.Or(d.Title, noTitle)
			b.Rows = append(b.Rows, differenceRow{d, changeMarks[d.Change], d.What(), d.By()})
		}
	}
	a.body = b
	return a, nil
}

var changeMarks = map[string]mark{
	whatif.Starts: {"+", "yes", "starts"}, whatif.Stops: {"−", "bad", "stops"}, whatif.Changes: {"±", "warn", "changes"},
}

// problemRows shows each problem with the lines around it.
func problemRows(text string, problems []whatif.Problem) []problemRow {
	lines := strings.Split(text, "\n")
	var rows []problemRow
	for _, p := range problems[:min(len(problems), mostProblems)] {
		row := problemRow{Problem: p}
		for n := max(1, p.Line-1); p.Line > 0 && n <= min(len(lines), p.Line+1); n++ {
			row.Excerpt = append(row.Excerpt, excerptLine{n, lines[n-1], n == p.Line})
		}
		rows = append(rows, row)
	}
	return rows
}

// inWords says what a policy says.
func inWords(p *eligibility.Policy) []policySection {
	return []policySection{
		{"Whose meetings", meetingWords(p)},
		{"Which calendars", importWords(p)},
		{"What is never recorded", excludeWords(p)},
		{"Consent", consentWords(p)},
		{"The team", teamWords(p)},
	}
}

func meetingWords(p *eligibility.Policy) []string {
	who := map[string]string{
		eligibility.RecordableHost: "A meeting is recorded if its host is a member who may be recorded.",
		eligibility.CompanyHost:    "A meeting is recorded if its host is of the company and somebody who takes part may be recorded.",
		eligibility.Anyone:         "A meeting is recorded if somebody who takes part may be recorded, whoever the host is.",
	}
	says := []string{who[cmp.Or(p.Recording.Meetings, eligibility.RecordableHost)]}
	if p.Recording.Internal {
		says = append(says, "Meetings without anybody from outside are recorded, too.")
	} else {
		says = append(says, "Meetings without anybody from outside are not recorded.")
	}
	if len(p.Company.InternalDomains) > 0 {
		says = append(says, "From inside are the domains "+list(p.Company.InternalDomains)+".")
	}
	return says
}

func importWords(p *eligibility.Policy) []string {
	var says []string
	for _, source := range slices.Sorted(maps.Keys(p.Import)) {
		i := p.Import[source]
		switch {
		case !i.Enabled:
			says = append(says, fmt.Sprintf("What comes from %s does not count.", source))
		case i.LeadTime != nil:
			says = append(says, fmt.Sprintf("Invites to %s count if they come %s before the start, at the latest.", source, length(time.Duration(*i.LeadTime))))
		case i.PrimaryOnly != nil && !*i.PrimaryOnly:
			says = append(says, fmt.Sprintf("Of %s all calendars count.", source))
		default:
			says = append(says, fmt.Sprintf("Of %s main calendars count.", source))
		}
	}
	if len(says) == 0 {
		says = []string{"Nothing is imported: no meeting counts."}
	}
	return says
}

func excludeWords(p *eligibility.Policy) []string {
	var says []string
	for _, e := range []struct {
		words  string
		values []string
	}{
		{"Nothing with people from ", p.Exclude.Domains},
		{"Nothing in which these people take part: ", p.Exclude.Participants},
		{"Nothing with these words in the title: ", p.Exclude.TitleKeywords},
	} {
		if len(e.values) > 0 {
			says = append(says, e.words+list(e.values)+".")
		}
	}
	if p.Exclude.Private == nil || *p.Exclude.Private {
		says = append(says, "Nothing that a calendar marks as private.")
	}
	for _, own := range p.Exclude.Custom {
		says = append(says, "Nothing that the rule "+own.Name+" is about.")
	}
	return says
}

func consentWords(p *eligibility.Policy) []string {
	if len(p.Consent.LinkHosts) == 0 {
		return []string{"No links ask for consent."}
	}
	says := []string{"Links to " + list(p.Consent.LinkHosts) + " ask those who join for their consent."}
	for _, name := range slices.Sorted(maps.Keys(p.Consent.Profiles)) {
		if p.Consent.Profiles[name].Enforce {
			says = append(says, "Members with the profile "+name+" are recorded through such links alone.")
		}
	}
	return says
}

func teamWords(p *eligibility.Policy) []string {
	seats, on, never := 0, 0, 0
	for _, m := range p.Directory.Members {
		if m.Seat {
			seats++
		}
		if m.Seat && m.Record == eligibility.RecordOn {
			on++
		}
		if m.Record == eligibility.RecordNever {
			never++
		}
	}
	return []string{
		fmt.Sprintf("%s, of whom %d have a seat and %d are recorded.", count(len(p.Directory.Members), "member"), seats, on),
		fmt.Sprintf("%s must not be in any recording.", count(never, "member")),
	}
}

// mostListed is how many values a sentence names.
const mostListed = 8

func list(values []string) string {
	if len(values) > mostListed {
		return fmt.Sprintf("%s and %d more", strings.Join(values[:mostListed], ", "), len(values)-mostListed)
	}
	return strings.Join(values, ", ")
}
