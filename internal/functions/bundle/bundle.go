// Package bundle knows how the code of the Lambda functions comes to be a zip
// that Lambda can start: a zip that someone made, the one that a released
// binary carries, or a build from source, kept for the next time. What the code
// does is package functions' business, and giving it to Lambda the caller's.
package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// The architectures, as Lambda names them.
const (
	ARM64 = "arm64"
	X86   = "x86_64"
)

// Options say which package is wanted.
type Options struct {
	Arch     string       // ARM64 or X86
	File     string       // a ready zip; "" for our own functions
	Cache    string       // where builds are kept; "" is ccsctl's folder in the user's cache
	Progress func(string) // told before something slow; nil for nobody
	NoBuild  bool         // take what is there, and build nothing
}

// Package is code ready for Lambda.
type Package struct {
	Zip    []byte
	SHA256 string // base64, as Lambda's CodeSha256
	Arch   string // ARM64 or X86
	Origin string // where it came from, for a person
}

// Find returns the functions' code for one architecture. The same ccsctl gives
// the same bytes every time. A build from source takes some 20 seconds once,
// and milliseconds after; processes may build at the same time.
//
// A File that could not start on Lambda is a fault.Usage. Where there is
// neither a file, nor an embedded zip, nor the means to build, it is a
// fault.Failed whose hint tells how to make one.
func Find(ctx context.Context, o Options) (Package, error) {
	if err := checkArch(o.Arch); err != nil {
		return Package{}, err
	}
	if o.File != "" {
		zip, err := readFile(o.File, o.Arch)
		if err != nil {
			return Package{}, fault.As(fault.Usage, err, "")
		}
		return newPackage(zip, o.Arch, o.File), nil
	}
	if zip := embedded(o.Arch); zip != nil {
		return newPackage(zip, o.Arch, "this release of ccsctl"), nil
	}
	zip, err := fromSource(ctx, o)
	if ctx.Err() != nil {
		return Package{}, ctx.Err()
	}
	if err != nil {
		return Package{}, fault.As(fault.Failed, fmt.Errorf("functions for %s: %w", o.Arch, err), makeOne(o.Arch))
	}
	return newPackage(zip, o.Arch, "a build from source"), nil
}

func checkArch(arch string) error {
	if arch != ARM64 && arch != X86 {
		return fault.Usagef("architecture %q is neither %s nor %s", arch, ARM64, X86)
	}
	return nil
}

func newPackage(zip []byte, arch, origin string) Package {
	sum := sha256.Sum256(zip)
	return Package{Zip: zip, SHA256: base64.StdEncoding.EncodeToString(sum[:]), Arch: arch, Origin: origin}
}

func readFile(name, arch string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if err := checkSize(0, int(min(info.Size(), maxZipped+1))); err != nil { // before reading it
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	zip, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if err := check(zip, arch); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return zip, nil
}
