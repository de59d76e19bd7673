package bundle

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

func TestZipIsWhatLambdaStarts(t *testing.T) {
	content, err := Zip([]byte("the program"))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Zip([]byte("the program"))
	if !bytes.Equal(content, again) {
		t.Error("the same program gave two different zips")
	}
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 1 || r.File[0].Name != "bootstrap" || r.File[0].Mode() != 0o755 {
		t.Errorf("zip holds %v with mode %v, want only an executable bootstrap", r.File[0].Name, r.File[0].Mode())
	}
	got, err := fs.ReadFile(r, "bootstrap")
	if err != nil || string(got) != "the program" {
		t.Errorf("bootstrap holds %q (%v)", got, err)
	}
}

// file is an entry of a zip that someone made.
type file struct {
	name    string
	mode    fs.FileMode
	content []byte
}

func zipOf(t *testing.T, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		if f.mode != 0 {
			h.SetMode(f.mode)
		}
		part, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// claims is a zip with one file that says it is that large.
func claims(t *testing.T, size uint64) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	if _, err := w.CreateRaw(&zip.FileHeader{Name: "bootstrap", UncompressedSize64: size}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// programFor is the head of a Linux program, which is all that tells what it is.
func programFor(t *testing.T, machine elf.Machine, kind elf.Type) []byte {
	t.Helper()
	h := elf.Header64{Type: uint16(kind), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT)}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	h.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	out, err := binary.Append(nil, binary.LittleEndian, h)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadyZipsAreRefusedForWhatWouldFailAtTheFirstInvoke(t *testing.T) {
	arm := programFor(t, elf.EM_AARCH64, elf.ET_EXEC)
	intel := programFor(t, elf.EM_X86_64, elf.ET_EXEC)
	for _, tt := range []struct {
		name string
		zip  []byte
		want string // "" when Lambda could start it on arm64
	}{
		{"good", zipOf(t, file{"bootstrap", 0o755, arm}), ""},
		{"good beside others", zipOf(t, file{"lib/bootstrap", 0o644, nil}, file{"bootstrap", 0o500, arm}), ""},
		{"no mode, as archive/zip does unasked", zipOf(t, file{"bootstrap", 0, arm}), "not marked executable"},
		{"mode without x", zipOf(t, file{"bootstrap", 0o644, arm}), "not marked executable (mode -rw-r--r--"},
		{"misnamed", zipOf(t, file{"main", 0o755, arm}), "no file 'bootstrap' at the root"},
		{"in a folder", zipOf(t, file{"dist/bootstrap", 0o755, arm}), `not at the root but at "dist/bootstrap"`},
		{"a link", zipOf(t, file{"bootstrap", fs.ModeSymlink | 0o777, arm}), "not a regular file"},
		{"other architecture", zipOf(t, file{"bootstrap", 0o755, intel}), "built for x86_64, the function for arm64"},
		{"object file", zipOf(t, file{"bootstrap", 0o755, programFor(t, elf.EM_AARCH64, elf.ET_REL)}), "not a program that can be started"},
		{"script", zipOf(t, file{"bootstrap", 0o755, []byte("#!/bin/sh\n")}), "not a Linux program"},
		{"program itself", arm, "a program, not a zip"},
		{"garbage", []byte("hello"), "not a valid zip"},
		{"nothing", nil, "not a valid zip"},
		{"too large unzipped", claims(t, maxUnzipped+1), "unzipped: Lambda takes at most 262144000"},
	} {
		name := filepath.Join(t.TempDir(), "functions.zip")
		if err := os.WriteFile(name, tt.zip, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Find(t.Context(), Options{Arch: ARM64, File: name})
		if tt.want == "" {
			if err != nil || !bytes.Equal(p.Zip, tt.zip) || p.Origin != name {
				t.Errorf("%s: got %v from %q, want the file", tt.name, err, p.Origin)
			}
			continue
		}
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v (kind %d), want a usage error with %q", tt.name, err, fault.KindOf(err), tt.want)
		}
	}
}

func TestLambdaLimitOfAZipIsExact(t *testing.T) {
	name := filepath.Join(t.TempDir(), "functions.zip")
	for size, tooLarge := range map[int64]bool{52_428_800: false, 52_428_801: true} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, size); err != nil { // a hole, costs nothing
			t.Fatal(err)
		}
		_, err := Find(t.Context(), Options{Arch: X86, File: name})
		if err == nil || strings.Contains(err.Error(), "at most 52428800") != tooLarge {
			t.Errorf("%d bytes: got %v, want too large: %v", size, err, tooLarge)
		}
	}
	if err := checkSize(maxUnzipped, maxZipped); err != nil {
		t.Errorf("at both limits: %v", err)
	}
}
