package status

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// A recording is lines of JSON: a header, then one Snapshot a line. The
// histories of a line hold only the points that the line before does not have:
// whole ones would make a hundred megabytes an hour.

// version is that of the format. It grows when an older program could not read
// what a newer one writes.
const version = 1

type header struct {
	Recording int      `json:"ccsctl_recording"`
	Identity  Identity `json:"identity"`
}

type frame struct {
	Snapshot Snapshot `json:"snapshot"`
	// Kept has two numbers for each measure, in the order of Snapshot.measures:
	// how many points of its history before are gone, and how many of those
	// that follow are still there, before the points of this line.
	Kept []int `json:"kept"`
}

// histories are those of the frame before, by part and name.
type histories map[string][]Point

// Recorder writes Snapshots down.
type Recorder struct {
	w      io.Writer
	before histories
	begun  bool
}

// NewRecorder is a recorder that writes to w, a line with each Write.
func NewRecorder(w io.Writer) *Recorder { return &Recorder{w: w} }

// Write adds a Snapshot.
func (r *Recorder) Write(s Snapshot) error {
	if !r.begun {
		if err := r.line(header{version, s.Identity}); err != nil {
			return err
		}
		r.begun = true
	}
	f := frame{Snapshot: s.clone()}
	now := histories{}
	f.Snapshot.measures(func(part, name string, m *Measure) {
		key := part + " " + name
		gone, kept := overlap(r.before[key], m.History)
		f.Kept = append(f.Kept, gone, kept)
		now[key] = m.History
		m.History = m.History[kept:]
	})
	if err := r.line(f); err != nil {
		return err
	}
	r.before = now
	return nil
}

func (r *Recorder) line(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	if _, err := r.w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	return nil
}

// overlap is how many points of before come before the first of now, and how
// many that follow now begins with.
func overlap(before, now []Point) (gone, kept int) {
	if len(now) == 0 {
		return len(before), 0
	}
	for gone < len(before) && before[gone].At.Before(now[0].At) {
		gone++
	}
	for gone+kept < len(before) && kept < len(now) && same(before[gone+kept], now[kept]) {
		kept++
	}
	return gone, kept
}

func same(a, b Point) bool { return a.At.Equal(b.At) && a.Value == b.Value && a.Partial == b.Partial }

// ErrCut is the end of a recording whose last line is not whole: the program
// that wrote it was killed, or is still writing.
var ErrCut = errors.New("the recording is cut off in its last line")

// Player reads a recording.
type Player struct {
	lines    *bufio.Reader
	number   int
	before   histories
	Identity Identity // whose pipeline was recorded
}

// NewPlayer reads the header. What is no recording, or one of a newer version,
// is an error.
func NewPlayer(r io.Reader) (*Player, error) {
	p := &Player{lines: bufio.NewReader(r), before: histories{}}
	var h header
	switch err := p.line(&h); {
	case errors.Is(err, io.EOF), errors.Is(err, ErrCut):
		return nil, errors.New("the recording is empty")
	case err != nil || h.Recording == 0:
		return nil, errors.New("this is no recording of 'ccsctl watch --record'")
	case h.Recording > version:
		return nil, fmt.Errorf("the recording has version %d, this program knows %d", h.Recording, version)
	}
	p.Identity = h.Identity
	return p, nil
}

// Next is the next Snapshot, just as it was recorded. At the end the error is
// io.EOF, or ErrCut.
func (p *Player) Next() (Snapshot, error) {
	var f frame
	if err := p.line(&f); err != nil {
		return Snapshot{}, err
	}
	now := histories{}
	i, bad := 0, false
	f.Snapshot.measures(func(part, name string, m *Measure) {
		if len(f.Kept) < 2*i+2 {
			bad = true
			return
		}
		key := part + " " + name
		before, gone, kept := p.before[key], f.Kept[2*i], f.Kept[2*i+1]
		i++
		if gone < 0 || kept < 0 || gone > len(before) || kept > len(before)-gone {
			bad = true
			return
		}
		if kept > 0 {
			m.History = append(before[gone:gone+kept:gone+kept], m.History...)
		}
		now[key] = m.History
	})
	if bad || len(f.Kept) != 2*i {
		return Snapshot{}, fmt.Errorf("line %d of the recording does not fit the one before", p.number)
	}
	p.before = now
	return f.Snapshot, nil
}

// Play is all that is left of the recording, each Snapshot as long after the
// one before as it was, divided by speed; 0 is without a pause. A recording
// that is cut off ends where it is whole. It ends with ctx, too.
func (p *Player) Play(ctx context.Context, speed float64) iter.Seq2[Snapshot, error] {
	return func(yield func(Snapshot, error) bool) {
		var before time.Time
		for {
			s, err := p.Next()
			if errors.Is(err, io.EOF) || errors.Is(err, ErrCut) {
				return
			}
			if err == nil && speed > 0 && !before.IsZero() {
				select {
				case <-time.After(time.Duration(float64(s.At.Sub(before)) / speed)):
				case <-ctx.Done():
				}
			}
			if before = s.At; ctx.Err() != nil || !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// longest is how long a line may be: many times what any pipeline needs.
const longest = 16 << 20

func (p *Player) line(v any) error {
	p.number++
	var line []byte
	for {
		some, err := p.lines.ReadSlice('\n')
		line = append(line, some...)
		switch {
		case err == nil:
			if err := json.Unmarshal(line, v); err != nil {
				return fmt.Errorf("line %d of the recording: %w", p.number, err)
			}
			return nil
		case len(line) > longest:
			return fmt.Errorf("line %d of the recording is longer than %d MiB", p.number, longest>>20)
		case errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) > 0:
			return ErrCut
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}
