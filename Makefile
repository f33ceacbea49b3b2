# Targets: build test lint gen fuzz bench matrix demo clean. `make test` is all a newcomer needs.
export CGO_ENABLED = 0
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X fairway/internal/cli.version=$(VERSION)
ENGINES ?= 20.10 26.1 28.5 29

.PHONY: build test test-fast test-lab cross lint gen fuzz bench matrix demo clean deps

build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/fairway ./cmd/fairway
	$(GO) build -trimpath -o bin/fairway-lab ./cmd/fairway-lab

# What the tests need and a plain machine may lack.
deps:
	./scripts/deps

# Levels 0 to 2, then real engines with at least one fault a layer.
test: deps test-fast cross test-lab

test-fast:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'gofmt would change:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) test -timeout 10m $$($(GO) list ./... | grep -v -e '^fairway/lab$$')

cross:
	GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/fairway
	GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/fairway
	GOOS=darwin GOARCH=arm64 $(GO) vet ./internal/... ./cmd/fairway

test-lab: build
	$(GO) test -timeout 55m -v ./lab

lint:
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0 run ./...

gen:
	$(GO) test ./internal/render ./internal/said -update

fuzz:
	./scripts/fuzz

bench: build deps
	./scripts/bench

matrix: build deps
	./scripts/matrix $(ENGINES)

demo:
	./scripts/demo

clean:
	rm -rf bin
