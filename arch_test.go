package syncd

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "example.com/syncd/"

// may says what each package may import: of this module by the packages' paths, of others by the
// groups below. Tests may import what they like. A package without a row fails the test: deciding
// where it belongs is part of adding it.
var may = map[string]struct {
	ours   string // "*": anything
	others string // "std" is always allowed; "x": golang.org/x; "*": anything but what only lists
	why    string
}{
	"linkparse":             {"", "x", "finds links in other programs too"},
	"calendar":              {"linkparse", "x", "the nouns: an event's links are among them"},
	"eligibility":           {"calendar linkparse", "x", "decides in other programs too"},
	"eligibility/custom":    {"eligibility", "*", "compiles the company's own rules, which only a file of them needs"},
	"eligibility/rulebench": {"", "", "a comparison, and a module of its own"},
	"schedule":              {"calendar eligibility", "x", "plans in other programs too"},
	"connectors":            {"calendar", "x", "the contract knows no provider"},
	"connectors/replay":     {"", "*", "a transport"},
	"connectors/grants":     {"connectors", "x", "what connectors share that users consent to"},
	"connectors/*":          {"calendar connectors connectors/grants internal", "*", "a connector knows no other connector, no rule and no store"},
	"connectors/*/*":        {"calendar connectors internal", "*", "as its connector"},
	"connectors/outlook":    {"calendar connectors connectors/grants connectors/outlook internal", "*", "as any connector; a folder below it has the SDK"},
	"engine":                {"calendar linkparse connectors eligibility schedule", "x", "knows the store by its interface alone"},
	"store":                 {"calendar connectors eligibility engine internal/folder internal/seal schedule serve/tokens store/db", "*", "keeps the nouns"},
	"store/db":              {"", "", "generated"},
	"resolver":              {"internal", "x", "the one part that follows links"},
	"deliver":               {"internal/folder schedule", "*", "sinks know schedules"},
	"serve":                 {"engine serve/access serve/problem", "*", "puts the parts of the HTTP side together"},
	"serve/access":          {"serve/problem serve/tokens", "*", "doors know nothing of what is behind them"},
	"serve/api":             {"calendar eligibility engine schedule serve/access serve/problem serve/tokens", "*", "shows what the engine's read side has"},
	"serve/metrics":         {"eligibility engine", "*", "counts what the engine does, and what its read side has"},
	"serve/traces":          {"engine", "*", "makes spans of what the engine does"},
	"serve/problem":         {"", "", "how errors are answered"},
	"serve/tokens":          {"", "", "the store keeps them, the doors know them"},
	"serve/explain":         {"calendar eligibility engine linkparse schedule", "x", "words for one meeting, that commands and pages share"},
	"serve/whatif":          {"calendar config eligibility engine", "x", "tries a policy that somebody wrote down, as the daemon would read it"},
	"serve/connect":         {"connectors", "x", "asks users by the contract, whoever the provider is"},
	"serve/console":         {"calendar connectors eligibility engine schedule serve/connect serve/explain serve/whatif", "x", "pages: what they show comes in by an interface"},
	"config":                {"calendar connectors deliver eligibility eligibility/custom internal", "*", "files to structs"},
	"config/schema":         {"config connectors deliver eligibility linkparse", "*", "what config accepts, for editors"},
	"cmd/syncd":             {"*", "*", "main wires"},

	"connectors/conntest": {"calendar connectors connectors/replay", "*", "tests alone import it"},
	"internal/*":          {"internal", "*", "small shared parts, and simulated tenants for tests"},
	"internal/seal/kms":   {"internal", "*", "clients of key services: what seals must not link them"},
	"internal/fakegoogle": {"calendar connectors internal", "*", "a simulated tenant"},
	"internal/fakegraph":  {"calendar connectors internal", "*", "a simulated tenant"},
	"internal/tnef":       {"", "x", "bytes in, iCalendar out: what reads that is no part of it"},
}

// only lists packages that have few importers, with the reason.
var only = map[string]struct{ importers, why string }{
	"github.com/microsoftgraph/":     {"connectors/outlook/graph", "its models compile for minutes and take 4.5 GB"},
	"google.golang.org/api/":         {"connectors/google internal/seal/kms", "one connector, one SDK; Cloud KMS is in the same module"},
	"github.com/prometheus/":         {"serve/metrics", "what is counted is in one place"},
	"go.opentelemetry.io/":           {"serve/traces", "traces are in one place"},
	"modernc.org/sqlite":             {"store", "SQL stays in the store"},
	"github.com/jackc/pgx/":          {"store internal/postgrestest", "SQL stays in the store"},
	"github.com/tink-crypto/":        {"internal/seal internal/seal/kms", "keys are in one place"},
	"github.com/hashicorp/vault/":    {"internal/seal/kms", "keys are in one place"},
	module + "internal/seal/kms":     {"cmd/syncd", "the store and its users link no client of a key service"},
	module + "config/schema":         {"no package but tests", "the daemon needs no schemas"},
	"github.com/invopop/jsonschema":  {"config/schema", "the daemon needs no schemas"},
	"testing":                        {"connectors/conntest internal/nodetest internal/debiantest internal/dovecot internal/postgrestest internal/browsertest", "tests are no part of the program"},
	module + "internal/nodetest":     {"internal/browsertest", "tests are no part of the program"},
	module + "internal/scale":        {"no package but tests", "tests are no part of the program"},
	module + "internal/dovecot":      {"no package but tests", "tests are no part of the program"},
	module + "internal/postgrestest": {"no package but tests", "tests are no part of the program"},
	module + "internal/debiantest":   {"internal/dovecot internal/postgrestest internal/browsertest", "tests are no part of the program"},
	module + "internal/browsertest":  {"no package but tests", "tests are no part of the program"},
}

// imports calls f for each import of each file that is no test. It parses the files itself: go test
// caches a result that came from go list.
func imports(t *testing.T, f func(pkg, file, imported string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "tools/") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f(path.Dir(name), name, "")
		for _, i := range parsed.Imports {
			f(path.Dir(name), name, strings.Trim(i.Path.Value, `"`))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func row(pkg string) (string, bool) {
	for _, r := range []string{pkg, path.Join(path.Dir(pkg), "*"), path.Join(path.Dir(path.Dir(pkg)), "*", "*")} {
		if _, ok := may[r]; ok {
			return r, true
		}
	}
	return "", false
}

func TestImports(t *testing.T) {
	used := map[string]bool{}
	imports(t, func(pkg, file, imported string) {
		r, ok := row(pkg)
		if !ok {
			t.Errorf("%s has no row in the table", pkg)
			return
		}
		used[r] = true
		allowed := may[r]
		ours, isOurs := strings.CutPrefix(imported, module)
		switch {
		case imported == "":
		case isOurs:
			if !within(ours, strings.Fields(allowed.ours)) {
				t.Errorf("%s must not import %s: %s", file, imported, allowed.why)
			}
		case !strings.Contains(strings.Split(imported, "/")[0], "."): // the standard library
		case allowed.others == "*":
		case allowed.others == "x" && strings.HasPrefix(imported, "golang.org/x/"):
		default:
			t.Errorf("%s must not import %s: %s", file, imported, allowed.why)
		}
		for prefix, o := range only {
			if (imported == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(imported, prefix)) && !slices.Contains(strings.Fields(o.importers), pkg) {
				t.Errorf("%s must not import %s, only %s may: %s", file, imported, o.importers, o.why)
			}
		}
	})
	for r := range may {
		if !used[r] {
			t.Errorf("the row %s fits no package", r)
		}
	}
}

// within reports whether the package is one of, or lies below one of, the allowed ones.
func within(pkg string, allowed []string) bool {
	for _, a := range allowed {
		if a == "*" || pkg == a || (a == "internal" || a == "connectors/outlook") && strings.HasPrefix(pkg, a+"/") {
			return true
		}
	}
	return false
}

// TestProviderNames keeps providers out of what must not know them.
func TestProviderNames(t *testing.T) {
	for _, pkg := range []string{"engine", "store", "schedule", "serve", "serve/access", "serve/api", "serve/problem", "serve/tokens"} {
		files, err := fs.Glob(os.DirFS(pkg), "*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(pkg, len(files), err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			b, err := os.ReadFile(path.Join(pkg, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, provider := range []string{"google", "outlook", "coordinator", "microsoft", "graph", "zoom", "teams", "webex"} {
				if strings.Contains(strings.ToLower(string(b)), `"`+provider) {
					t.Errorf("%s/%s names %s", pkg, name, provider)
				}
			}
		}
	}
}

// TestFileSizes: a file of over 600 lines has a second noun in it.
func TestFileSizes(t *testing.T) {
	imports(t, func(_, file, imported string) {
		if imported != "" || strings.HasPrefix(file, "store/db/") {
			return
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), "\n"); n > 600 {
			t.Errorf("%s has %d lines", file, n)
		}
	})
}

// never lists what must not stand in the code of a package, with the reason.
var never = []struct{ packages, text, why string }{
	{"linkparse calendar eligibility schedule store engine", `"net/http"`, "no network but at the edge, and none inside a transaction"},
	{"linkparse calendar eligibility schedule store", `"net"`, "no network but at the edge, and none inside a transaction"},
	{"linkparse calendar eligibility schedule store connectors", "time.Now(", "time enters at the edge, and is fixed for a step"},
	{"linkparse calendar eligibility schedule store connectors", "time.Sleep(", "the engine alone waits"},
	{"linkparse calendar eligibility schedule connectors", "go func(", "the engine alone starts anything"},
	{"linkparse calendar eligibility schedule connectors", "os.Getenv(", "the world comes in by arguments"},
	{"linkparse calendar eligibility schedule store connectors engine serve deliver config", "func init(", "explicit lists"},
}

func TestNever(t *testing.T) {
	imports(t, func(pkg, file, imported string) {
		if imported != "" {
			return
		}
		top, _, _ := strings.Cut(pkg, "/")
		for _, n := range never {
			if !strings.Contains(" "+n.packages+" ", " "+top+" ") || pkg == "connectors/conntest" {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), n.text) {
				t.Errorf("%s has %s: %s", file, n.text, n.why)
			}
		}
	})
}
