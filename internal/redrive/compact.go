package redrive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// worthCompacting is the size of a journal that is begun anew when it is opened.
const worthCompacting = 1 << 20

// compact begins the file anew with what is still worth knowing. The old file
// stays until the new one is on the disk.
func (j *Journal) compact(now time.Time) error {
	fresh := j.path + ".new"
	err := j.rewriteAll(fresh, now)
	if err == nil {
		err = errors.Join(os.Rename(fresh, j.path), syncFolder(filepath.Dir(j.path)))
	}
	if err == nil {
		j.file, err = os.OpenFile(j.path, os.O_APPEND|os.O_WRONLY, 0o600)
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (j *Journal) rewriteAll(path string, now time.Time) (err error) {
	if j.file, err = os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	if j.run != "" {
		err = j.put(record{kind: begun, at: j.last, id: j.run})
	}
	for id, e := range j.messages {
		if age := now.Sub(e.at); age > keepSent || e.kind == deleted && age > keepDeleted {
			delete(j.messages, id)
			continue
		}
		err = errors.Join(err, j.rewrite(id, e))
	}
	err = errors.Join(err, j.flush(), j.file.Sync(), j.file.Close())
	j.written = 0 // of what is to be waited for
	return err
}

// rewrite writes what is known of a message.
func (j *Journal) rewrite(id string, e *entry) error {
	err := j.put(record{kind: intended, at: e.first, id: id})
	if e.unsure {
		err = errors.Join(err, j.put(record{kind: unsure, at: e.first, id: id}))
	}
	if e.kind != intended {
		err = errors.Join(err, j.put(e.record))
	}
	if e.kind == deleted {
		err = errors.Join(err, j.put(record{kind: deleted, at: e.at, id: id}))
	}
	return err
}
