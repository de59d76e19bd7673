package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// errNotBuilt is what there is where nothing may be built.
var errNotBuilt = errors.New("they are not built yet")

// fromSource builds the functions, or finds the build of an earlier run. A
// cache that can't be used costs time and is no failure.
func fromSource(ctx context.Context, o Options) ([]byte, error) {
	root, err := sourceRoot()
	if err != nil {
		return nil, err
	}
	key, err := digest(root, o.Arch)
	if err != nil {
		return nil, err
	}
	dir := o.Cache
	if dir == "" {
		if user, err := os.UserCacheDir(); err == nil {
			dir = filepath.Join(user, "ccsctl")
		}
	}
	name := filepath.Join(dir, "functions-"+o.Arch+"-"+key+".zip")
	if dir != "" {
		if content, ok := kept(name); ok {
			return content, nil
		}
	}
	if o.NoBuild {
		return nil, errNotBuilt
	}
	if o.Progress != nil {
		o.Progress("building the functions for " + o.Arch + " (once, then kept)")
	}
	content, err := build(ctx, root, o.Arch)
	if err == nil && dir != "" {
		_ = keep(name, content) // the zip is good all the same
	}
	return content, err
}

// kept is an earlier build, if there is one and it did not lose its end in a
// crash of the machine: a zip's directory is its last part.
func kept(name string) ([]byte, bool) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, false
	}
	_, err = zip.NewReader(bytes.NewReader(content), int64(len(content)))
	return content, err == nil
}

// keep writes a file that other processes see whole or not at all.
func keep(name string, content []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".functions-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err1 := f.Close(); err == nil {
		err = err1
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	prune(dir)
	return nil
}

// prune removes builds of a month ago; whoever still needs one builds it again.
func prune(dir string) {
	const age = 30 * 24 * time.Hour
	for _, pattern := range []string{"functions-*.zip", ".functions-*"} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern)) // no error: the patterns are ours
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > age {
				os.Remove(file)
			}
		}
	}
}
