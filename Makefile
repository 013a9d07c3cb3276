.DEFAULT_GOAL := help
.PHONY: help run test test-full services race check vuln build sbom bench readme clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start the server on http://127.0.0.1:3000
	go run ./cmd/inkstone serve

test: ## all tests; says which engines it left out
	go test ./...
	@go test -v -run TestEveryEngineAnswers ./internal/enginetest | grep 'left out' || true

test-full: services ## all tests, on real PostgreSQL, PgBouncer and Redis
	eval "$$(scripts/services env)" && CI=true go test ./...

services: ## start what test-full needs (scripts/services down stops it)
	scripts/services up

race: ## all tests with the race detector
	go test -race ./...

check: ## what the gate checks: formatting, vet, staticcheck, tests, smoke run
	bash .ci/run

vuln: ## known vulnerabilities in what the program uses (VULN=-live asks vuln.go.dev, as of today)
	go run ./scripts/vulncheck $(VULN)

build: ## a static binary in bin/
	CGO_ENABLED=0 go build -trimpath -o bin/inkstone ./cmd/inkstone

sbom: build ## what the binary is made of (CycloneDX), in bin/
	"$$(go -C tools/sbom tool -n cyclonedx-gomod)" bin -json -output bin/inkstone.cdx.json bin/inkstone

bench: ## load a real server over HTTP (POSTS=10000)
	go run ./scripts/bench -posts $(or $(POSTS),10000)

readme: ## write the settings tables of the READMEs
	go test ./internal/config -run Readmes -update

clean: ## remove what was built
	rm -rf bin
