package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// file is one configuration file as read: its name as the person gave it.
type file struct {
	name string
	data []byte
}

// maxFile bounds what is parsed: the parsers are recursive, and a big enough
// file of brackets would exhaust the stack, which no recover can catch.
const maxFile = 256 << 10

// read reads the files that were asked for, or else the default one.
func (s Source) read() ([]file, error) {
	names := s.Files
	if len(names) == 0 {
		name, err := s.defaultFile()
		if err != nil {
			return nil, err
		}
		names = []string{name}
	}
	var files []file
	var errs []error
	for _, name := range names {
		data, err := readFile(s.path(name))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		files = append(files, file{name, data})
	}
	return files, fault.As(fault.Usage, errors.Join(errs...), "")
}

func (s Source) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.Dir, name)
}

func readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, pathErr.Err // the path is said already, as the person gave it
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%d bytes is too much for a configuration file: at most %d", len(data), maxFile)
	}
	return data, err
}

// ErrNoFile is Load's error when no file was named and none is where they are
// looked for.
var ErrNoFile = errors.New("no configuration file: neither ccsctl.yaml (or .yml, .json, .toml) here nor ccsctl/config.yaml in the configuration folder of your account")

// defaultFile is the file of the folder, else that of the person.
func (s Source) defaultFile() (string, error) {
	var found []string
	for _, ext := range []string{"yaml", "yml", "json", "toml"} {
		if name := "ccsctl." + ext; exists(s.path(name)) {
			found = append(found, name)
		}
	}
	if len(found) > 1 {
		return "", fault.As(fault.Usage, fmt.Errorf("%s: only one of these can be the configuration file", strings.Join(found, ", ")),
			"name the one you mean with -c FILE, or several to merge them in order")
	}
	if len(found) == 1 {
		return found[0], nil
	}
	home := s.getenv("XDG_CONFIG_HOME")
	if home == "" && s.getenv("HOME") != "" {
		home = filepath.Join(s.getenv("HOME"), ".config")
	}
	if own := filepath.Join(home, "ccsctl", "config.yaml"); filepath.IsAbs(own) && exists(own) {
		return own, nil
	}
	return "", fault.As(fault.Usage, ErrNoFile,
		"run 'ccsctl config init' to write one, or name one with -c FILE")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// getenv is the last value of a variable, as os.Getenv has it.
func (s Source) getenv(name string) string {
	value := ""
	for _, pair := range s.Env {
		if k, v, _ := strings.Cut(pair, "="); k == name {
			value = v
		}
	}
	return value
}
