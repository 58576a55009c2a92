# make test is all that a change has to pass. It needs Go and nothing else.

.PHONY: test lint vet staticcheck vuln generate record fuzz soak

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

# store/db from store/queries.sql.
generate:
	cd store && go tool -modfile=../tools/go.mod sqlc generate

# The demo's tapes and the connectors' fixtures, recorded anew from the simulated tenants.
record:
	go test ./connectors/google ./connectors/outlook -run 'TestRecorded|TestDemoTape' -record
