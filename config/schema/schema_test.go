package schema

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"example.com/syncd/connectors"
)

// Shared lends its keys.
type Shared struct {
	Small uint8 `yaml:"small"`
}

// Settings has what no driver's settings have yet.
type Settings struct {
	Shared `yaml:",inline"`
	Tiny   int8            `yaml:"tiny"`
	Ratio  float64         `yaml:"ratio"`
	Host   netip.Addr      `yaml:"host"`
	Names  map[string]bool `yaml:"names"`
	Level  string          `yaml:"level"` // how much is said: (low) | high
	Color  string          `yaml:"color"` // Color is what one likes (red)
	Hidden string          `yaml:"-"`
}

func (*Settings) Validate() error                                   { return nil }
func (*Settings) Open(connectors.Env) (connectors.Connector, error) { return nil, nil }

type nameless struct {
	Settings `yaml:"-"`
	Nameless string
}

func drivers(c connectors.Config) []connectors.Driver {
	return []connectors.Driver{{Name: "coordinator", Doc: "reads nothing", Config: func() connectors.Config { return c }}}
}

func TestFit(t *testing.T) {
	b, err := Syncd("../..", drivers(&Settings{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Properties struct {
			Connections struct {
				Items struct{ Properties struct{ Coordinator any } }
			}
		}
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	const want = `{
		"description": "reads nothing", "type": ["object", "null"], "additionalProperties": false, "properties": {
			"small": {"type": "integer", "minimum": 0, "maximum": 255},
			"tiny": {"type": "integer", "minimum": -128, "maximum": 127},
			"ratio": {"type": "number"},
			"host": {"type": ["string", "number", "boolean"]},
			"names": {"type": ["object", "null"], "additionalProperties": {"type": "boolean"}},
			"level": {"type": "string", "enum": ["low", "high", ""], "default": "low", "description": "how much is said"},
			"color": {"type": ["string", "number"], "default": "red", "description": "color is what one likes"}
		}}`
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, got.Properties.Connections.Items.Properties.Coordinator); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestMistakes: what the schema can't be made of is an error that names it.
func TestMistakes(t *testing.T) {
	if _, err := Syncd("../..", drivers(&nameless{}), nil); err == nil || !strings.Contains(err.Error(), "the field Nameless") {
		t.Errorf("a field without a name: %v", err)
	}
	err := apply(&jsonschema.Schema{}, []rule{{"serve.port", notEmpty}})
	if err == nil || !strings.Contains(err.Error(), "serve.port") {
		t.Errorf("a rule for no setting: %v", err)
	}
}

func TestUnderstand(t *testing.T) {
	for _, test := range []struct {
		comment, description string
		def                  any
		words                []string
	}{
		{"", "", nil, nil},
		{"(false)", "", false, nil},
		{"([bot])", "", []any{"bot"}, nil},
		{"(ok) | warning | error", "", "ok", []string{"ok", "warning", "error"}},
		{"a cloud: (global) | dod", "a cloud", "global", []string{"global", "dod"}},
		{"how long, 1s to 1d (1m)", "how long, 1s to 1d", "1m", nil},
		{"a name (what people read)", "a name (what people read)", nil, nil},
		{"a name (short) of it", "a name (short) of it", nil, nil},
	} {
		description, def, words := understand(test.comment)
		if description != test.description || !cmp.Equal(def, test.def) || !cmp.Equal(words, test.words) {
			t.Errorf("%q is %q, %v, %q", test.comment, description, def, words)
		}
	}
}
