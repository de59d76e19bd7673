package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// DirVariable is the environment variable that names the private folder.
const DirVariable = "CCSCTL_SANDBOX_DIR"

// The files of the folder.
const (
	recordFile = "sandbox.json" // who runs, and the secret that proves it
	logFile    = "sandbox.log"  // what a sandbox in the background had to say
	serveLock  = "serve.lock"   // held by the one sandbox for as long as it lives
	startLock  = "start.lock"   // held by whoever is starting one
)

// record is the content of the private file.
type record struct {
	Info
	Token string `json:"token"` // known to the sandbox and to who can read the file
}

// Dir is the private folder of this user: DirVariable's, else one under
// XDG_RUNTIME_DIR, else one in the folder for temporary files.
func Dir() string {
	if dir := os.Getenv(DirVariable); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return filepath.Join(dir, "ccsctl")
		}
	}
	name := "ccsctl"
	if uid := os.Getuid(); uid >= 0 { // Windows has none, and a temporary folder for each user
		name += "-" + strconv.Itoa(uid)
	}
	return filepath.Join(os.TempDir(), name)
}

// folder is the private folder, checked.
type folder string

// openFolder gives fs.ErrNotExist when there is no such folder, and refuses one
// that others could have written to.
func openFolder(dir string) (folder, error) {
	dir, err := filepath.Abs(cmp.Or(dir, Dir()))
	if err != nil {
		return "", fmt.Errorf("sandbox folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("sandbox folder: %w", err)
	}
	if err := private(info); err != nil {
		return "", fault.As(fault.Failed, fmt.Errorf("sandbox folder %s: %w", dir, err), "set "+DirVariable+" to a folder that only you can enter (mode 0700)")
	}
	return folder(dir), nil
}

// makeFolder makes the folder unless it is there.
func makeFolder(dir string) (folder, error) {
	if err := os.MkdirAll(cmp.Or(dir, Dir()), 0o700); err != nil {
		return "", fmt.Errorf("sandbox folder: %w", err)
	}
	return openFolder(dir)
}

func (f folder) file(name string) string { return filepath.Join(string(f), name) }

// write replaces the record in one step, so that nobody reads half of it.
func (f folder) write(r record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("sandbox record: %w", err)
	}
	file, err := os.CreateTemp(string(f), recordFile+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("sandbox record: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), f.file(recordFile))
	}
	if err != nil {
		_ = os.Remove(file.Name()) // the first error says more
		return fmt.Errorf("sandbox record: %w", err)
	}
	return nil
}

// read gives fs.ErrNotExist when no sandbox has left word.
func (f folder) read() (record, error) {
	var r record
	text, err := os.ReadFile(f.file(recordFile))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return record{}, fmt.Errorf("sandbox record: %w", err)
	}
	return r, nil
}

// forget removes the record, if there is one.
func (f folder) forget() error {
	err := os.Remove(f.file(recordFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sandbox record: %w", err)
	}
	return nil
}

// errHeld is a lock that another holds.
var errHeld = errors.New("held by another process")

// lock takes a lock, for which it waits at most patience. The lock ends with
// the process, however that ends.
func (f folder) lock(ctx context.Context, name string, patience time.Duration) (unlock func(), err error) {
	giveUp := time.Now().Add(patience)
	for {
		file, err := lockFile(f.file(name))
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, errHeld) || time.Now().After(giveUp) {
			return nil, fmt.Errorf("sandbox lock %s: %w", name, err)
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// logTail is the end of the log: at most 10 lines and 2 KiB.
func (f folder) logTail() string {
	text, err := os.ReadFile(f.file(logFile))
	if err != nil {
		return ""
	}
	text = text[max(0, len(text)-2048):]
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
