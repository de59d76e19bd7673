package bundle

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path"
	"time"
)

// The sizes that Lambda takes (API ref CreateFunction), in bytes.
const (
	maxZipped   = 50 << 20
	maxUnzipped = 250 << 20
)

// entry is the file that Lambda's provided runtimes start.
const entry = "bootstrap"

// Zip packs a bootstrap program for Lambda. The same program gives the same
// bytes at any time and place, since Lambda compares functions by the digest of
// their zip. A zip beyond Lambda's 50 MiB is an error.
func Zip(bootstrap []byte) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	h := &zip.FileHeader{Name: entry, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.SetMode(0o755) // without it the function can't start
	f, err := w.CreateHeader(h)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(bootstrap); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), checkSize(len(bootstrap), out.Len())
}

func checkSize(unzipped, zipped int) error {
	if zipped > maxZipped {
		return fmt.Errorf("zip of %d bytes: Lambda takes at most %d", zipped, maxZipped)
	}
	if unzipped > maxUnzipped {
		return fmt.Errorf("%d bytes unzipped: Lambda takes at most %d", unzipped, maxUnzipped)
	}
	return nil
}

// check says what would keep the zip from starting on Lambda. Lambda itself
// accepts it and fails each invocation (trap 34).
func check(content []byte, arch string) error {
	if bytes.HasPrefix(content, []byte(elf.ELFMAG)) {
		return errors.New("this is a program, not a zip that holds it as 'bootstrap'")
	}
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	var found *zip.File
	var unzipped uint64
	elsewhere := ""
	for _, f := range r.File {
		unzipped += min(f.UncompressedSize64, maxUnzipped+1) // no overflow by what a file claims
		switch {
		case f.Name == entry:
			found = f
		case path.Base(f.Name) == entry && f.Mode().IsRegular():
			elsewhere = f.Name
		}
	}
	if err := checkSize(int(min(unzipped, maxUnzipped+1)), len(content)); err != nil {
		return err
	}
	switch {
	case found == nil && elsewhere != "":
		return fmt.Errorf("'bootstrap' is not at the root but at %q", elsewhere)
	case found == nil:
		return errors.New("no file 'bootstrap' at the root")
	case !found.Mode().IsRegular():
		return errors.New("'bootstrap' is not a regular file")
	case found.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("'bootstrap' is not marked executable (mode %v; zips made on Windows lose it)", found.Mode().Perm())
	}
	return checkProgram(found, arch)
}

func checkProgram(f *zip.File, arch string) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	program, err := io.ReadAll(io.LimitReader(r, maxUnzipped))
	if err != nil {
		return fmt.Errorf("read 'bootstrap': %w", err)
	}
	p, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return errors.New("'bootstrap' is not a Linux program")
	}
	defer p.Close()
	want := map[string]elf.Machine{ARM64: elf.EM_AARCH64, X86: elf.EM_X86_64}[arch]
	if p.Machine != want || p.Class != elf.ELFCLASS64 {
		return fmt.Errorf("'bootstrap' is built for %s, the function for %s", machine(p), arch)
	}
	if p.Type != elf.ET_EXEC && p.Type != elf.ET_DYN {
		return errors.New("'bootstrap' is not a program that can be started")
	}
	return nil
}

func machine(p *elf.File) string {
	switch p.Machine {
	case elf.EM_AARCH64:
		return ARM64
	case elf.EM_X86_64:
		return X86
	}
	return p.Machine.String()
}
