# make test is all that a change has to pass. It needs Go; without Node, tests against peers from npm are skipped.

.PHONY: test vet staticcheck vuln generate record soak killsoak fuzz bench scale

test: vet staticcheck
	go test -timeout 20m ./...

vet:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...

# The tools have a module of their own, so that nobody who imports syncd gets them.
staticcheck:
	go tool -modfile=tools/go.mod staticcheck ./...

# Needs the vulnerability database at vuln.go.dev, which not every machine reaches.
vuln:
	go tool -modfile=tools/go.mod govulncheck ./...

# store/db from store/queries, and configs/schema from the types of the configuration.
generate:
	cd store && go tool -modfile=../tools/go.mod sqlc generate
	go test ./cmd/syncd -run TestSchemaFiles -update

# The demo's tapes and the connectors' fixtures, recorded anew from the simulated tenants.
record:
	go test ./connectors/google ./connectors/outlook -run 'TestRecorded|TestDemoTape' -record

# Longer than CI has time for: random histories of the engine, then each fuzz target for a while.
soak:
	go test ./engine -run TestHistories -histories 2000 -timeout 2h
	go test ./schedule -life 3 -timeout 1h
	go test ./engine -run TestMinutes -minutes 3200 -timeout 2h
	GOGC=400 go test ./internal/simulation -run TestHistories -histories 10000 -timeout 6h
	go test ./serve -run TestFuzz -requests 200000 -seed 7 -timeout 1h
	go test ./connectors/google ./connectors/outlook ./connectors/coordinator -run TestStories -story 10000 -stories 20000 -timeout 2h

# Two hundred kills of daemons on SQLite, and as many of replicas on PostgreSQL, which restarts meanwhile. KILLSEED=n
# draws others.
KILLSEED ?= 1
killsoak:
	go test ./cmd/syncd -run '^TestKills' -v -kills 200 -killseed $(KILLSEED) -timeout 2h

# What the documentation says of speed. The comparison with other engines is a module of its own.
bench:
	go test ./linkparse ./eligibility ./eligibility/custom ./config ./connectors/google ./connectors/outlook ./internal/ics ./internal/mailauth -run XXX -bench . -benchmem
	go test ./serve -run TestLoad -load 20s -timeout 1h -v
	cd eligibility/rulebench && go test -bench . -benchmem

# What docs/scaling.md says, measured anew: an hour and more, on a machine that does nothing else.
SCALE = go test ./internal/scale -count=1 -v -timeout 3h -scale -lines scale.jsonl
scale:
	$(SCALE) -run TestDay
	$(SCALE) -run TestFirst -calendars 10000
	$(SCALE) -run TestFirst -calendars 10000 -postgres
	$(SCALE) -run TestIdle -calendars 500 -events 10 -lasts 20s
	$(SCALE) -run TestChanging -calendars 1000 -events 10
	$(SCALE) -run TestChanging -calendars 1000 -events 10 -poll 1m -rate 3 -lasts 90s
	$(SCALE) -run TestReplicas -calendars 2000 -events 5 -latency 200ms -lasts 30s
	$(SCALE) -run TestFirst -calendars 100000 -events 5

FUZZTIME ?= 1m
LINKS := $(shell sed -n "s/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p" linkparse/*_test.go)
fuzz:
	for t in $(LINKS); do go test ./linkparse -run XXX -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) || exit 1; done
	go test ./calendar -run XXX -fuzz FuzzCanonicalUID -fuzztime $(FUZZTIME)
	go test ./internal/ics -run XXX -fuzz FuzzParse -fuzztime $(FUZZTIME)
	go test ./internal/ics -run XXX -fuzz FuzzRule -fuzztime $(FUZZTIME)
	go test ./internal/tnef -run XXX -fuzz FuzzCalendar -fuzztime $(FUZZTIME)
	go test ./config -run XXX -fuzz FuzzDecode -fuzztime $(FUZZTIME)
	go test ./connectors/coordinator -run XXX -fuzz FuzzReadInvite -fuzztime $(FUZZTIME)
	go test ./internal/mailauth -run XXX -fuzz FuzzResults -fuzztime $(FUZZTIME)
	go test ./internal/mailauth -run XXX -fuzz FuzzCheck -fuzztime $(FUZZTIME)
