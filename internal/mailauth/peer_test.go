package mailauth

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"testing"

	"example.com/syncd/internal/debiantest"
)

// A peer is dkimpy, which had no part in making this.
type peer struct {
	t   testing.TB
	in  io.Writer
	out *bufio.Scanner
}

const python = "/usr/bin/python3"

func newPeer(t testing.TB) *peer {
	t.Helper()
	debiantest.Need(t, func() bool { return exec.Command(python, "-c", "import dkim, authres").Run() == nil }, "python3-dkim", "python3-authres")
	cmd := exec.CommandContext(t.Context(), python, "testdata/dkimpy.py")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	return &peer{t, in, lines}
}

type request struct {
	Op       string            `json:"op"`
	Mail     []byte            `json:"mail"`
	Selector string            `json:"selector,omitempty"`
	Domain   string            `json:"domain,omitempty"`
	Key      string            `json:"key,omitempty"`
	Host     string            `json:"host,omitempty"`
	Canon    string            `json:"canon,omitempty"`
	Headers  []string          `json:"headers,omitempty"`
	DNS      map[string]string `json:"dns,omitempty"`
}

type answer struct {
	Mail  []byte `json:"mail"`
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

func (p *peer) ask(r request) answer {
	p.t.Helper()
	if err := json.NewEncoder(p.in).Encode(r); err != nil {
		p.t.Fatal(err)
	}
	if !p.out.Scan() {
		p.t.Fatal("dkimpy is gone", p.out.Err())
	}
	var a answer
	if err := json.Unmarshal(p.out.Bytes(), &a); err != nil {
		p.t.Fatal(err)
	}
	return a
}

// done is an answer that must be a mail.
func (p *peer) done(r request) []byte {
	p.t.Helper()
	a := p.ask(r)
	if a.Error != "" || len(a.Mail) == 0 {
		p.t.Fatalf("%s: %s", r.Op, a.Error)
	}
	return a.Mail
}
