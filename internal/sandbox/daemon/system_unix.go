//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// private refuses a folder that is not ours alone.
func private(info fs.FileInfo) error {
	if !info.IsDir() { // nor a link to one
		return errors.New("not a folder")
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("belongs to user %d", owner.Uid)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return fmt.Errorf("open to other users (mode %04o)", info.Mode().Perm())
	}
	return nil
}

// lockFile locks a file until it is closed. It gives errHeld at once when
// another has it.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errHeld
		}
		return nil, fmt.Errorf("flock: %w", err)
	}
	return file, nil
}

// detached makes a process that outlives the terminal it was started from.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
