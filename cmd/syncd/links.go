package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"

	"example.com/syncd/internal/jsonl"
	"example.com/syncd/linkparse"
)

// linksCommand finds links in texts.
type linksCommand struct {
	ConsentHost []string `help:"A host of consent-enabled links. May be repeated." placeholder:"HOST"`
	File        string   `arg:"" optional:"" help:"JSON Lines: objects with any of id, conference, location, description, text, html. Default: standard input."`
}

// linksInput is an event, or a bare body. Other keys of an event are left alone.
type linksInput struct {
	ID         string `json:"id"`
	Conference []struct {
		URL string `json:"url"`
		URI string `json:"uri"`
	} `json:"conference"`
	Location    string `json:"location"`
	Description string `json:"description"`
	Text        string `json:"text"`
	HTML        string `json:"html"`
}

func (in linksInput) fields() []linkparse.Field {
	var fields []linkparse.Field
	for _, c := range in.Conference {
		fields = append(fields, linkparse.Field{Where: "conference", Kind: linkparse.URL, Text: cmp.Or(c.URL, c.URI)})
	}
	return append(fields,
		linkparse.Field{Where: "location", Kind: linkparse.Text, Text: in.Location},
		linkparse.Field{Where: "description", Kind: linkparse.Auto, Text: in.Description},
		linkparse.Field{Where: "html", Kind: linkparse.HTML, Text: in.HTML},
		linkparse.Field{Where: "text", Kind: linkparse.Text, Text: in.Text})
}

// linksOutput is what was found of one line. links is always there, for programs.
type linksOutput struct {
	ID     string             `json:"id"`
	Links  []linkparse.Link   `json:"links"`
	Opaque []linkparse.Opaque `json:"opaque,omitempty"`
}

func (c *linksCommand) Run(s streams) error {
	out := bufio.NewWriter(s.out)
	var full error // of the output; it is no line's fault
	bad, err := eachLine(s, c.File, func(line []byte) error {
		if full != nil {
			return nil
		}
		var in linksInput
		if err := json.Unmarshal(line, &in); err != nil {
			return jsonl.Plain(err)
		}
		found := linkparse.Find(linkparse.Options{ConsentHosts: c.ConsentHost}, in.fields()...)
		full = printLine(out, linksOutput{in.ID, append([]linkparse.Link{}, found.Links...), found.Opaque})
		return nil
	})
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if bad {
		return errPartly
	}
	return nil
}
