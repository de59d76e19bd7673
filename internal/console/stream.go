package console

import (
	"io"
	"os"
	"strconv"
	"sync"

	"golang.org/x/term"
)

// Stream is where a command writes. Every Write arrives in one piece.
type Stream struct {
	w        io.Writer
	lock     *sync.Mutex // one for stdout and stderr, which are often the same screen
	terminal bool
	colour   bool
	width    func() int
}

func newStream(w io.Writer, lock *sync.Mutex, e environment, noColor bool) *Stream {
	terminal := e.terminal(w)
	return &Stream{
		w:        w,
		lock:     lock,
		terminal: terminal,
		colour:   !noColor && e.colour(terminal),
		width:    func() int { return e.width(w) },
	}
}

func (s *Stream) Write(p []byte) (int, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.w.Write(p)
}

// Terminal reports whether a person may be watching.
func (s *Stream) Terminal() bool { return s.terminal }

// Color reports whether colours are wanted here.
func (s *Stream) Color() bool { return s.colour }

// Width is the number of columns now, 0 when there is no limit.
func (s *Stream) Width() int { return s.width() }

// Fd is the descriptor of the file behind the stream, for those who follow the
// size of a terminal; the highest number when there is no file.
func (s *Stream) Fd() uintptr {
	if f, ok := s.w.(*os.File); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// Painter paints for this stream.
func (s *Stream) Painter() *Painter {
	return &Painter{colour: s.colour, width: s.Width()}
}

const usualWidth = 80 // of a terminal that does not tell

// environment is the variables that say how to write.
type environment func(string) (string, bool)

func (e environment) get(name string) string {
	value, _ := e(name)
	return value
}

func (e environment) forced() string { return e.get("CCSCTL_FORCE_TTY") }

func (e environment) terminal(stream any) bool {
	if e.forced() != "" {
		return true
	}
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (e environment) width(stream any) int {
	for _, value := range []string{e.forced(), e.get("COLUMNS")} {
		if n, err := strconv.Atoi(value); err == nil && n > 0 {
			return n
		}
	}
	if f, ok := stream.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	if e.terminal(stream) {
		return usualWidth
	}
	return 0
}

func (e environment) colour(terminal bool) bool {
	force := e.get("CLICOLOR_FORCE")
	switch {
	case e.get("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	case e.get("TERM") == "dumb", e.get("CLICOLOR") == "0":
		return false
	}
	return terminal
}
