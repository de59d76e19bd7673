package redrive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// Journal is what this machine knows of what was sent from one queue of dead
// letters, kept in a file so that a run that was killed is not repeated by the
// next. Before a message is sent its intent is on the disk; that it was sent is
// written, if not yet on the disk, before it is deleted where it came from. So
// the next run knows of each message
//
//   - that it was sent: it is deleted, and not sent again
//   - that it may have been sent: it is sent again and listed as a possible
//     duplicate
//   - nothing: it was not sent
//
// and a loss of power can at most make a message of the first kind one of the
// second. The file only grows while a run lasts. A line in it that is damaged is
// passed over. One process at a time has a journal open.
type Journal struct {
	path string
	lock *os.File

	mu       sync.Mutex
	cond     *sync.Cond
	file     *os.File
	buffer   []byte
	written  int64 // bytes, since it was opened
	synced   int64
	syncing  bool
	broken   error // of the disk: nothing may be sent any more
	messages map[string]*entry
	copies   map[string]string // what this run sent: the id it has now to the one that it had
	run      string            // "" while none is under way
	last     time.Time         // of the newest record
}

// entry is what is known of one message.
type entry struct {
	kind   kind // intended, confirmed or deleted
	at     time.Time
	first  time.Time // when a send was first tried
	unsure bool      // and no run that came to its end has listed it
	record record    // of its confirmation
}

// How long records are worth keeping: a message lives for 14 days at most, and
// one that is deleted may be handed out once more soon after ("Amazon SQS
// at-least-once delivery").
const (
	keepSent    = 14 * 24 * time.Hour
	keepDeleted = 24 * time.Hour
)

// resumable is how long after its last record a run that was killed is still
// the same run.
const resumable = time.Hour

// OpenJournal opens the journal with the given name in a folder, which is made
// when it is missing. A name is any text, such as a queue's ARN. Another process
// that has it open is a fault that says so.
func OpenJournal(folder, name string) (*Journal, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{path: filepath.Join(folder, fileName(name)), messages: map[string]*entry{}, copies: map[string]string{}}
	j.cond = sync.NewCond(&j.mu)
	lock, err := lockFile(j.path + ".lock")
	if errors.Is(err, errHeld) {
		return nil, fault.As(fault.Failed, fmt.Errorf("another redrive of %s runs on this machine", name), "wait for it, or stop it with Ctrl-C: what it has done stays known")
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j.lock = lock
	if err := j.open(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return j, nil
}

// fileName is a name that every file system takes.
func fileName(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' {
			return c
		}
		return '_'
	}, name) + ".journal"
}

func (j *Journal) open() error {
	old, err := os.Open(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return j.compact(time.Now())
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer old.Close()
	whole, err := readRecords(old, j.apply)
	if err != nil {
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	if info, err := old.Stat(); err == nil && info.Size() > worthCompacting {
		return j.compact(time.Now())
	}
	if j.file, err = os.OpenFile(j.path, os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if !whole { // the rest of a line that was cut short stays a line of its own
		j.buffer = append(j.buffer, '\n')
	}
	return nil
}

// apply takes a record into what is known.
func (j *Journal) apply(r record) {
	if r.at.After(j.last) {
		j.last = r.at
	}
	switch r.kind {
	case begun:
		if j.run != r.id {
			clear(j.copies)
		}
		j.run = r.id
		return
	case ended:
		j.run = ""
		clear(j.copies)
		for _, e := range j.messages {
			e.unsure = false
		}
		return
	}
	e := j.messages[r.id]
	if e == nil {
		e = &entry{first: r.at}
		j.messages[r.id] = e
	}
	e.at = r.at
	switch r.kind {
	case intended:
		if e.kind == 0 {
			e.kind = intended
		}
	case refused:
		delete(j.messages, r.id)
	case unsure:
		e.unsure = true
	case confirmed:
		e.kind, e.record = confirmed, r
		j.copies[r.newID] = r.id
	case deleted:
		e.kind = deleted
	}
}

// begin begins a run. resumed is whether it goes on with one that was killed a
// short while ago.
func (j *Journal) begin(id string, now time.Time) (resumed bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.run != "" && now.Sub(j.last) < resumable {
		return true, nil
	}
	r := record{kind: begun, at: now, id: id}
	j.apply(r)
	return false, errors.Join(j.put(r), j.flush())
}

// end says that the run came to its end by itself: what it sent and comes back
// is then another's to send again.
func (j *Journal) end(now time.Time) error {
	if err := j.note(record{kind: ended, at: now}); err != nil {
		return err
	}
	return j.sync()
}

// note writes records down, for whoever reads the file after this process was
// killed.
func (j *Journal) note(records ...record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	for _, r := range records {
		if err := j.put(r); err != nil {
			return err
		}
		j.apply(r)
	}
	return j.flush()
}

// intend writes down that messages are about to be sent and returns when that
// is on the disk. Calls at the same time share one wait for it.
func (j *Journal) intend(records ...record) error {
	if err := j.note(records...); err != nil {
		return err
	}
	return j.sync()
}

func (j *Journal) put(r record) (err error) {
	j.buffer, err = r.append(j.buffer)
	return err
}

func (j *Journal) flush() error {
	n, err := j.file.Write(j.buffer)
	j.written += int64(n)
	j.buffer = j.buffer[:0]
	if err != nil {
		j.broken = fmt.Errorf("journal: %w", err)
	}
	return j.broken
}

// sync returns when all that was written before is on the disk.
func (j *Journal) sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for mine := j.written; j.synced < mine && j.broken == nil; {
		if j.syncing {
			j.cond.Wait()
			continue
		}
		j.syncing = true
		upTo := j.written
		j.mu.Unlock()
		err := j.file.Sync()
		j.mu.Lock()
		j.syncing, j.synced = false, upTo
		if err != nil {
			j.broken = fmt.Errorf("journal: %w", err)
		}
		j.cond.Broadcast()
	}
	return j.broken
}

// known is what is known of a message; ok is false for nothing.
func (j *Journal) known(id string) (e entry, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e := j.messages[id]; e != nil {
		return *e, true
	}
	return entry{}, false
}

// original is the message that the run sent under an id that SQS gave it.
func (j *Journal) original(id string) (string, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	from, ok := j.copies[id]
	return from, ok
}

// unsureOnes are the messages that may have been sent twice, by this run or by
// one before it that was killed before it could list them.
func (j *Journal) unsureOnes() (ids []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, e := range j.messages {
		if e.unsure {
			ids = append(ids, id)
		}
	}
	return ids
}

// Path is the file. It is text, a line for each thing that happened to a
// message: i for about to be sent, s for sent with its new id, d for deleted.
func (j *Journal) Path() string { return j.path }

// Close ends the use of the journal. What it knows stays.
func (j *Journal) Close() error {
	return errors.Join(j.sync(), j.file.Close(), j.lock.Close())
}

// errHeld is a lock that another process holds.
var errHeld = errors.New("held by another process")
