# Every target says what it does after `##`; `make` alone prints that.

GOLANGCI_VERSION   := v2.15.0
GORELEASER_VERSION := v2.16.0

BIN       := .cache/bin
TESTFLAGS ?=
PKG       ?= ./...

.DEFAULT_GOAL := help
.PHONY: help build test race soak lint fmt generate check-generated demo bench release-check snapshot clean tools lint-tool

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
	@go run ./dev demo

test: ## run all tests (TESTFLAGS='-run X -v' PKG=./cmd)
	go run ./dev test $(TESTFLAGS) $(PKG)

race: ## run all tests with the race detector (needs gcc)
	CGO_ENABLED=1 go run ./dev test -race $(TESTFLAGS) $(PKG)

soak: ## run all tests long, and with fresh random cases
	go run ./dev soak $(TESTFLAGS) $(PKG)

bench: ## measure against reference points in the same run (BENCHFLAGS='-sizes 1000')
	go run ./dev bench $(BENCHFLAGS)

lint: $(BIN)/golangci-lint-$(GOLANGCI_VERSION) ## check the style and the import rules
	$< run ./...

fmt: $(BIN)/golangci-lint-$(GOLANGCI_VERSION) ## format the code
	$< fmt ./...

generate: ## rewrite what is made from the code: command reference, JSON Schema, deploy/definitions.json
	go run ./dev gen

check-generated: ## fail if `make generate` changes anything
	go run ./dev gen -check

release-check: $(BIN)/goreleaser-$(GORELEASER_VERSION) ## check .goreleaser.yaml
	$< check

snapshot: $(BIN)/goreleaser-$(GORELEASER_VERSION) ## build all release archives and packages into dist/, unpublished
	$< check
	$< release --snapshot --clean

lint-tool: $(BIN)/golangci-lint-$(GOLANGCI_VERSION)

tools: $(BIN)/golangci-lint-$(GOLANGCI_VERSION) $(BIN)/goreleaser-$(GORELEASER_VERSION) ## install the tools into .cache/bin

clean: ## remove what was built here
	rm -rf bin dist .cache

$(BIN)/golangci-lint-$(GOLANGCI_VERSION):
	GOBIN=$(abspath $(BIN)) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(BIN)/golangci-lint $@

$(BIN)/goreleaser-$(GORELEASER_VERSION):
	GOBIN=$(abspath $(BIN)) go install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
	mv $(BIN)/goreleaser $@
