package progress

import (
	"io"
	"sync"
)

// terminal is where the program writes: the caller's writer, with the size of
// the file behind it.
//
// The program never reads, so what somebody types meanwhile, Ctrl-C included,
// is echoed where the cursor rests and moves it to the right unnoticed. The
// view therefore rests the cursor in the first column of an empty line, and
// every write begins by going back there.
type terminal struct {
	w       io.Writer
	written chan struct{} // closed with the first write
	once    sync.Once
}

func newTerminal(w io.Writer) *terminal {
	return &terminal{w: w, written: make(chan struct{})}
}

func (t *terminal) Write(p []byte) (int, error) {
	defer t.once.Do(func() { close(t.written) })
	if _, err := t.w.Write(append([]byte{'\r'}, p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Fd is for the size only. The highest number is no file.
func (t *terminal) Fd() uintptr {
	if f, ok := t.w.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// Read and Close make a file of it in the eyes of bubbletea, which asks only
// files for their size.
func (t *terminal) Read([]byte) (int, error) { return 0, io.EOF }

// Close does nothing: the terminal is the caller's.
func (t *terminal) Close() error { return nil }
