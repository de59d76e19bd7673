package console

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// newTest gives a console on buffers, in an environment of nothing but env
// ("NAME=value").
func newTest(o Options, env ...string) (c *Console, out, err *bytes.Buffer) {
	out, err = new(bytes.Buffer), new(bytes.Buffer)
	if o.In == nil {
		o.In = strings.NewReader("")
	}
	o.Out, o.Err = out, err
	o.LookupEnv = func(name string) (string, bool) {
		for _, e := range env {
			if value, ok := strings.CutPrefix(e, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
	return New(o), out, err
}

func TestColourFollowsStreamAndEnvironment(t *testing.T) {
	const tty = "CCSCTL_FORCE_TTY=80"
	for _, test := range []struct {
		name    string
		noColor bool
		env     []string
		want    bool
	}{
		{"pipe", false, nil, false},
		{"terminal", false, []string{tty}, true},
		{"NO_COLOR wins over force", false, []string{tty, "NO_COLOR=1", "CLICOLOR_FORCE=1"}, false},
		{"an empty NO_COLOR is none", false, []string{tty, "NO_COLOR="}, true},
		{"the flag wins over force", true, []string{tty, "CLICOLOR_FORCE=1"}, false},
		{"dumb terminal", false, []string{tty, "TERM=dumb"}, false},
		{"CLICOLOR off", false, []string{tty, "CLICOLOR=0"}, false},
		{"forced in a pipe", false, []string{"CLICOLOR_FORCE=1"}, true},
		{"not forced by 0", false, []string{"CLICOLOR_FORCE=0"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _, _ := newTest(Options{NoColor: test.noColor}, test.env...)
			for stream, s := range map[string]*Stream{"stdout": c.Out, "stderr": c.Err} {
				if got := s.Painter().Red("x") != "x"; got != test.want {
					t.Errorf("%s: got colour %v, want %v", stream, got, test.want)
				}
			}
		})
	}
}

func TestWidth(t *testing.T) {
	for _, test := range []struct {
		env  []string
		want int
	}{
		{nil, 0},
		{[]string{"COLUMNS=132"}, 132},
		{[]string{"COLUMNS=wide"}, 0},
		{[]string{"CCSCTL_FORCE_TTY=60", "COLUMNS=132"}, 60},
		{[]string{"CCSCTL_FORCE_TTY=yes"}, 80},
	} {
		c, _, _ := newTest(Options{}, test.env...)
		if got := c.Out.Width(); got != test.want {
			t.Errorf("%v: got %d, want %d", test.env, got, test.want)
		}
	}
}

// A file is not a terminal for being a file.
func TestRegularFileIsAPipe(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := New(Options{In: f, Out: f, Err: f, LookupEnv: func(string) (string, bool) { return "", false }})
	if c.Out.Terminal() || c.canAsk || c.Format() != Plain {
		t.Errorf("got terminal %v, can ask %v, format %q", c.Out.Terminal(), c.canAsk, c.Format())
	}
}

func TestVerbosityDecidesWhatIsSaid(t *testing.T) {
	for _, test := range []struct {
		name    string
		quiet   bool
		verbose int
		want    string // first word of each line
	}{
		{"usual", false, 0, "note ccsctl: level=WARN level=ERROR ccsctl:"},
		{"-v", false, 1, "note detail ccsctl: level=INFO level=WARN level=ERROR ccsctl:"},
		{"-vv", false, 2, "note detail ccsctl: level=DEBUG level=INFO level=WARN level=ERROR ccsctl:"},
		{"-q", true, 0, "ccsctl: level=ERROR ccsctl:"},
		{"-q -v", true, 1, "ccsctl: level=ERROR ccsctl:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, out, stderr := newTest(Options{Quiet: test.quiet, Verbose: test.verbose})
			c.Notef("note %d", 1)
			c.Verbosef("detail %d", 1)
			c.Warnf("careful")
			c.Logger().Debug("x")
			c.Logger().Info("x")
			c.Logger().Warn("x")
			c.Logger().Error("x")
			c.Fail(errors.New("broken"))

			var first []string
			for line := range strings.Lines(stderr.String()) {
				words := strings.Fields(line)
				if strings.HasPrefix(words[0], "time=") {
					words = words[1:]
				}
				first = append(first, words[0])
			}
			if got := strings.Join(first, " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if out.Len() > 0 {
				t.Errorf("stdout got %q, want nothing", out)
			}
		})
	}
}

// Several goroutines report at once, on two streams that are one screen.
func TestLinesDoNotMix(t *testing.T) {
	screen := new(bytes.Buffer) // unlocked: the race detector watches
	c := New(Options{In: strings.NewReader(""), Out: screen, Err: screen, Format: NDJSON})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c.Notef("note")
			c.Logger().Error("log")
			_ = c.Print("event")
		})
	}
	all.Wait()
	if got := strings.Count(screen.String(), "\n"); got != 24 {
		t.Errorf("got %d lines, want 24", got)
	}
}

func TestFail(t *testing.T) {
	busy := fault.As(fault.Failed, errors.New("queue/orders: create: QueueDeletedRecently"), "wait 60 seconds and run 'ccsctl up' again")
	full := fault.As(fault.Failed, errors.New("stream/events: create: LimitExceededException"), "ask for a higher shard limit")
	again := fault.As(fault.Failed, errors.New("queue/failed: create: QueueDeletedRecently"), "wait 60 seconds and run 'ccsctl up' again")

	for name, err := range map[string]error{
		"plain": errors.New("connect: no such host"),
		"hint":  fault.As(fault.Usage, errors.New(`output format "xml": want one of table, json`), "pass -o json"),
		// The outer hint knows more than the inner one.
		"outer": fault.As(fault.Denied, fmt.Errorf("up: %w", full), "sign in"),
		// One line an error, each with the whole path, a shared hint once.
		"joined":        fmt.Errorf("up: %w", errors.Join(fmt.Errorf("apply: %w", errors.Join(busy, again)), full)),
		"joined-hinted": fault.As(fault.Partial, errors.Join(full, errors.New("role/archive: denied")), "fix the cause and run 'ccsctl up' again"),
		// Not a join, though it wraps two.
		"two":   fmt.Errorf("%w (and then %w)", errors.New("write"), errors.New("close")),
		"lines": errors.New("template:\n  line 3\nsecond"),
		// What AWS or a device wrote can't drive the terminal.
		"control": errors.New("read \x1b]0;owned\a\u009b2J and \x1b[31mred\x1b[0m"),
	} {
		for suffix, env := range map[string]string{"": "CLICOLOR=0", "-colour": "CLICOLOR_FORCE=1"} {
			t.Run(name+suffix, func(t *testing.T) {
				c, _, stderr := newTest(Options{}, env)
				c.Fail(err)
				checkGolden(t, "fail-"+name+suffix, stderr.String())
			})
		}
	}

	c, _, stderr := newTest(Options{})
	if c.Fail(nil); stderr.Len() > 0 {
		t.Errorf("no error said %q", stderr)
	}
}

func TestPrintTellsOfALostStdout(t *testing.T) {
	lost := errors.New("broken pipe")
	r, w := io.Pipe()
	r.CloseWithError(lost)
	c := New(Options{In: strings.NewReader(""), Out: w, Err: io.Discard})
	if err := c.Print("x"); !errors.Is(err, lost) {
		t.Errorf("got %v, want %v", err, lost)
	}
}
