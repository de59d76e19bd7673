// Command pack builds the functions from source and writes the zip for Lambda.
// A release makes both architectures with it before it compiles ccsctl with the
// tag release:
//
//	go run ./internal/functions/pack -arch arm64 -o internal/functions/bundle/zips/bootstrap-arm64.zip
//	go run ./internal/functions/pack -arch x86_64 -o internal/functions/bundle/zips/bootstrap-amd64.zip
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/functions/bundle"
)

func main() {
	arch := flag.String("arch", bundle.ARM64, "architecture of the functions: arm64 or x86_64")
	out := flag.String("o", "functions.zip", "write the zip to this `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := pack(ctx, *arch, *out)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(int(fault.KindOf(err)))
	}
}

func pack(ctx context.Context, arch, out string) error {
	zip, err := bundle.Build(ctx, arch)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, zip, 0o644)
}
