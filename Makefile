# Every target says what it does after `##`; `make` alone prints that.

GOLANGCI_VERSION   := v2.15.0
GORELEASER_VERSION := v2.16.0

BIN        := .cache/bin
WITHBROKER := go run ./internal/rabbittest/cmd/withbroker --
TESTFLAGS  ?=
PKG        ?= ./...

.DEFAULT_GOAL := help
.PHONY: help build test race lint fmt generate check-generated demo bench snapshot clean tools

help: ## print this
	@echo 'msgctl: make TARGET'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r t d; do printf '  %-16s %s\n' "$$t" "$$d"; done
	@echo
	@echo 'Tests and the demo use real RabbitMQ: the broker named by MSGCTL_URL, or else a private one that they find'
	@echo '(rabbitmq-server, Docker, or the Debian package), start and remove. MSGCTL_TEST_BROKERS tests several versions.'

build: ## compile bin/msgctl
	CGO_ENABLED=0 go build -trimpath -o bin/msgctl .

demo: ## see msgctl at work on a private RabbitMQ, in a minute (start here)
	@go run ./internal/demo

test: ## run all tests (TESTFLAGS='-run X -v' PKG=./cmd)
	$(WITHBROKER) go test -timeout 40m $(TESTFLAGS) $(PKG)

race: ## run all tests with the race detector (needs gcc)
	CGO_ENABLED=1 $(WITHBROKER) go test -race -timeout 40m $(TESTFLAGS) $(PKG)

bench: ## measure against reference points in the same run (BENCHFLAGS='-sizes 1000')
	$(WITHBROKER) go run ./internal/bench $(BENCHFLAGS)
	go test -run '^$$' -bench . -benchmem ./pkg/...

lint: $(BIN)/golangci-lint-$(GOLANGCI_VERSION) ## check the style and the import rules
	$< run ./...

fmt: $(BIN)/golangci-lint-$(GOLANGCI_VERSION) ## format the code
	$< fmt ./...

generate: ## rewrite what is made from the code: command reference, JSON Schema, cmd/overview.txt, deploy/definitions.json
	go run ./internal/gen docs
	go run ./internal/gen lint
	go run ./internal/gen schema
	go run ./internal/gen overview
	go run ./internal/rabbittest/cmd/definitions

check-generated: generate ## fail if `make generate` changes anything
	@test -z "$$(git status --porcelain -- docs/reference schema deploy cmd/overview.txt)" || { \
	  git --no-pager diff --stat -- docs/reference schema deploy cmd/overview.txt; git status --short -- docs/reference schema deploy cmd/overview.txt; \
	  echo 'generated files are out of date: run make generate and commit'; exit 1; }

snapshot: $(BIN)/goreleaser-$(GORELEASER_VERSION) ## build all release archives and packages into dist/, unpublished
	$< check
	$< release --snapshot --clean

tools: $(BIN)/golangci-lint-$(GOLANGCI_VERSION) $(BIN)/goreleaser-$(GORELEASER_VERSION) ## install the tools into .cache/bin

clean: ## remove what was built here
	rm -rf bin dist .cache

$(BIN)/golangci-lint-$(GOLANGCI_VERSION):
	GOBIN=$(abspath $(BIN)) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(BIN)/golangci-lint $@

$(BIN)/goreleaser-$(GORELEASER_VERSION):
	GOBIN=$(abspath $(BIN)) go install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
	mv $(BIN)/goreleaser $@
