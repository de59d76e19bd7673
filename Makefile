# What people and CI run. Everything works with Go alone but 'compat', which
# makes itself a Python and a Node environment for other people's emulators.

BIN     := ccsctl
LDFLAGS := -s -w

# Code that waits for a network or reads one file is not made faster by inlining,
# only bigger: this is a twentieth of the binary. Records and messages by the
# thousand go through kinesis and sqs. .goreleaser.yml and internal/bench/program
# say the same.
SDK     := github.com/aws/aws-sdk-go-v2/service
GCFLAGS := -gcflags=$(SDK)/...=-l -gcflags=$(SDK)/kinesis/...= -gcflags=$(SDK)/sqs/...= \
  -gcflags=github.com/hashicorp/...=-l -gcflags=github.com/zclconf/...=-l

.PHONY: build test race check lint bench compat crash models docs bundles clean

build: bundles ## one static binary, the functions in it
	CGO_ENABLED=0 go build -trimpath -tags release $(GCFLAGS) -ldflags '$(LDFLAGS)' -o $(BIN) .

test: ## what the README says
	go test ./...

race:
	GORACE=atexit_sleep_ms=0 go test -race ./...

check: lint race ## before a commit
	git diff --exit-code --stat -- completions docs/reference

lint:
	test -z "$$(gofmt -l .)"
	go vet ./...
	if command -v golangci-lint >/dev/null; then golangci-lint run; fi

bench: ## the times and sizes that the documents quote
	.ci/bench

compat: ## plan, up, drift, down against emulators that others wrote
	.ci/compat

crash: ## kill up and down after every call, with the real program
	.ci/crash

docs: ## the command reference and the completions
	go run ./cmd/gendocs

models: ## the tables of AWS's API models; MODELS is a folder of botocore's service files
	go run ./internal/sandbox/wire/model/gen -models $(MODELS)

bundles: ## the functions, for a release
	go run ./internal/functions/pack -arch arm64 -o internal/functions/bundle/zips/bootstrap-arm64.zip
	go run ./internal/functions/pack -arch x86_64 -o internal/functions/bundle/zips/bootstrap-amd64.zip

clean:
	rm -f $(BIN)
