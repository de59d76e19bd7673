package scale

import (
	"bufio"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What AWS takes of one stream: so many resizes in a rolling day (API ref
// UpdateShardCount).
const (
	PerDay = 10
	day    = 24 * time.Hour
)

// Ledger is what this machine knows of the resizes of one stream, which AWS
// counts and does not tell: a file with a line for each that AWS has agreed to.
// What was resized from elsewhere is not in it, so that there may be fewer left
// than it says, and never more.
//
// It is safe for several processes: a line is written at once, to the end.
type Ledger struct{ path string }

// NewLedger is that of the stream with the given ARN, in a folder that need not
// be there.
func NewLedger(folder, streamARN string) *Ledger {
	h := fnv.New64a()
	_, _ = io.WriteString(h, streamARN)
	name := streamARN[strings.LastIndexByte(streamARN, '/')+1:]
	return &Ledger{path: filepath.Join(folder, fmt.Sprintf("%s-%x", name, h.Sum64()))}
}

// Add writes down a resize that AWS has agreed to.
func (l *Ledger) Add(at time.Time, from, to int) error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return fmt.Errorf("ledger of resizes: %w", err)
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("ledger of resizes: %w", err)
	}
	_, err = fmt.Fprintf(f, "%s %d %d\n", at.UTC().Format(time.RFC3339Nano), from, to)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("ledger of resizes: %w", err)
	}
	return nil
}

// Spent are the resizes that still count at the given time, oldest first, of a
// stream that was born at born: those of an earlier one of its name count no
// more. A ledger that is not there has none; a line that can't be read is passed
// over.
func (l *Ledger) Spent(now, born time.Time) ([]time.Time, error) {
	f, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ledger of resizes: %w", err)
	}
	defer f.Close()
	spent, err := readSpent(f, now, born)
	if err != nil {
		return nil, fmt.Errorf("ledger of resizes: %w", err)
	}
	return spent, nil
}

func readSpent(r io.Reader, now, born time.Time) ([]time.Time, error) {
	var spent []time.Time
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // what has no end was cut off while it was written
		}
		if err != nil {
			return nil, err
		}
		var from, to int
		var text string
		if _, err := fmt.Sscanf(line, "%s %d %d\n", &text, &from, &to); err != nil {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		if err == nil && !at.Before(born) && at.After(now.Add(-day)) && !at.After(now) {
			spent = append(spent, at)
		}
	}
	slices.SortFunc(spent, time.Time.Compare)
	return spent, nil
}
