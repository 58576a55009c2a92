package connectors

// A Guide says how an administrator lets a connection read what it is to read, step by step.
type Guide struct {
	Title string // what is set up: "Google Workspace, company-wide"
	Steps []Step
	Doc   string // the page of the documentation that has more: "docs/google.md"
}

// A Step is one thing to do.
type Step struct {
	Says  string // what, in sentences
	Link  string // where, an address; "" if that is in Says
	Paste []Paste
}

// A Paste is something to be copied as it is.
type Paste struct {
	Label string // what it is: "Client ID"
	Value string // "" if it is not known yet
	Hint  string // where it comes from, or what it is for
}

// A Guided is a connector that knows how it is set up. It asks nobody: what it says follows from the configuration.
type Guided interface {
	Guide() Guide
}
