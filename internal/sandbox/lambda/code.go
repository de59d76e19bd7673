package lambda

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The sizes that Lambda takes (Lambda quotas page), in bytes.
const (
	maxZipped   = 52_428_800
	maxUnzipped = 262_144_000
)

// load gives the function its code. As on AWS, what is inside is not looked at:
// a program that can't start shows when the function is invoked (trap 34).
func (f *function) load(code []byte) error {
	switch {
	case code == nil:
		return invalid("Please provide a source for function code.")
	case len(code) > maxZipped:
		return invalid("Zipped size must be smaller than %d bytes", maxZipped)
	}
	r, err := zip.NewReader(bytes.NewReader(code), int64(len(code)))
	if err != nil {
		return invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	if len(r.File) == 0 {
		return invalid("Uploaded file must be a non-empty zip")
	}
	var size uint64
	for _, entry := range r.File {
		size += min(entry.UncompressedSize64, maxUnzipped+1) // no overflow by what a file claims
		if size > maxUnzipped {
			return invalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
		}
	}
	sum := sha256.Sum256(code)
	f.zip = bytes.Clone(code)
	f.settings.CodeSize = int64(len(code))
	f.settings.CodeSha256 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
	return nil
}
