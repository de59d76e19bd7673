package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/ccs-platform/ccsctl/internal/aws/connect"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/demo"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/functions/bundle"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

func newDemo(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "See the whole pipeline at work in a sandbox of its own",
		Long: `Shows what the pipeline does, in a sandbox in this very process: it is built,
vehicles send, a function fails for a while, a surge is refused and sent again,
the stream gets more shards, what failed is set aside, an alarm fires, what can be
mended is sent through again, an alert is timed, the alarm recovers, and all of it
is taken down. Each line is measured, and says so when it did not hold. It takes
about 40 s.

No account, no configuration and no sandbox of yours is touched, and the network
is not used. The functions run as processes where their code is built already (a
release has it, and 'ccsctl up --sandbox' builds it from source), and otherwise
as a part of this one.

Exit codes: 0 every step held; 1 one did not; 2 wrong usage; 130 interrupted.`,
		Example: `  ccsctl demo
  ccsctl demo -o json | jq '.steps[] | select(.held | not)'`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDemo(c.Context(), e) },
	}
}

func runDemo(ctx context.Context, e *env) (err error) {
	start := time.Now()
	arch := localArchitecture()
	found, buildErr := bundle.Find(ctx, bundle.Options{Arch: arch, Cache: e.cacheDir(), NoBuild: true})
	code := func(context.Context) ([]byte, string, error) { return found.Zip, found.SHA256, nil }
	how := "as processes, from " + found.Origin
	if buildErr != nil {
		how = "as a part of this process: their code is not built yet"
		e.console.Verbosef("%v", buildErr)
		code = func(context.Context) ([]byte, string, error) { return standIn() }
	}
	// The sandbox outlives an interruption: what was built is taken down in it.
	sandbox, err := startOwnSandbox(e.hard, buildErr != nil)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, sandbox.close()) }()
	stage, err := e.stage(ctx, sandbox, arch, code)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	e.console.Notef("the functions run %s", how)
	line := &demoLine{console: e.console, quiet: e.flags.quiet}
	noting := func(ctx context.Context) context.Context { return resource.WithNotes(ctx, line.note) }
	v := &demoView{Functions: how}
	v.Steps = demo.Run(noting(ctx), noting(e.hard), stage, demo.Steps(), line.begin, func(o demo.Outcome) {
		line.end()
		if printErr := e.printStep(o); printErr != nil {
			e.console.Warnf("%v", printErr)
		}
	})
	v.Held, v.ElapsedMS = demo.Held(v.Steps), time.Since(start).Milliseconds()
	return errors.Join(e.console.Print(v), v.err(ctx))
}

// stage connects to the demo's sandbox and makes its pipeline.
func (e *env) stage(ctx context.Context, sandbox *ownSandbox, arch string, code func(context.Context) ([]byte, string, error)) (*demo.Stage, error) {
	file := filepath.Join(sandbox.folder, "demo.yaml")
	if err := os.WriteFile(file, []byte(demo.Configuration), 0o600); err != nil {
		return nil, err
	}
	c, err := config.Load(config.Source{Files: []string{file}})
	if err != nil {
		return nil, err
	}
	s, err := connect.Open(ctx, connect.Options{Version: version(), Sandbox: &sandbox.SandboxEndpoint, Log: e.console.Logger()})
	if err != nil {
		return nil, err
	}
	e.announce(&target{config: c, session: s, sandbox: &sandbox.SandboxEndpoint})
	return &demo.Stage{
		AWS: s.Config, Shards: demo.Shards, Name: c.Name, Letters: sandbox.letters, Break: sandbox.breakFunction, Folder: sandbox.folder,
		Pipeline: pipeline.New(pipeline.Settings{
			Config: c, AWS: s.Config, Account: s.Account, Region: s.Region, Partition: s.Partition, Architecture: arch, Code: code, PurgeData: true,
		}),
	}, nil
}

// printStep prints a step's outcome when it is over, where people read.
func (e *env) printStep(o demo.Outcome) error {
	if f := e.console.Format(); f == console.JSON || f == console.NDJSON {
		return nil
	}
	return e.console.Print(stepView(o))
}

// stepView is one line of the demo's report.
type stepView demo.Outcome

// Human is what was measured under what it proves.
func (v stepView) Human(p *console.Painter) string {
	mark, text := p.Green("✔"), v.Measured
	if !v.Held {
		mark = p.Red("✖")
		text = strings.TrimPrefix(v.Measured+"; "+v.Error, "; ")
	}
	indent := "\n" + strings.Repeat(" ", measuredAt)
	took := "(" + seconds(v.TookMS) + ")"
	proves := strings.Join(folded(v.Proves, p.Width()-measuredAt-2-len(took)), indent)
	measured := strings.Join(folded(text, p.Width()-measuredAt), indent)
	return fmt.Sprintf("%s %-13s %s  %s%s%s\n", mark, v.Step, proves, p.Dim(took), indent, measured)
}

// measuredAt is the column where what was measured begins.
const measuredAt = 16

// folded breaks a text between words into lines of at most so many characters;
// a width of none worth the name breaks nothing.
func folded(text string, width int) (lines []string) {
	if width < 20 {
		return []string{text}
	}
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// demoView is what became of a demo.
type demoView struct {
	Steps     []demo.Outcome `json:"steps"`
	Held      bool           `json:"held"`
	Functions string         `json:"functions"` // how they ran
	ElapsedMS int64          `json:"elapsed_ms"`
}

// Human is the closing line; what happened stands above it already.
func (v *demoView) Human(p *console.Painter) string {
	held := len(v.Steps) - len(v.bad())
	verdict := p.Green("every step held")
	if !v.Held {
		verdict = p.Red("not every step held")
	}
	return fmt.Sprintf("\n%s: %d of %d in %s\n", verdict, held, len(v.Steps), seconds(v.ElapsedMS))
}

// Items are the steps and what became of all, for NDJSON.
func (v *demoView) Items() []any {
	var items []any
	for _, o := range v.Steps {
		items = append(items, o)
	}
	type summary struct {
		Held      bool   `json:"held"`
		Functions string `json:"functions"`
		ElapsedMS int64  `json:"elapsed_ms"`
	}
	return append(items, summary{v.Held, v.Functions, v.ElapsedMS})
}

func (v *demoView) bad() (names []string) {
	for _, o := range v.Steps {
		if !o.Held {
			names = append(names, o.Step)
		}
	}
	return names
}

func (v *demoView) err(ctx context.Context) error {
	bad := v.bad()
	switch {
	case len(bad) == 0:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fault.As(fault.Failed, fmt.Errorf("demo: did not hold: %s", strings.Join(bad, ", ")), "run 'ccsctl demo -v' for every call; a machine under load may be too slow")
}

// demoLine says on a terminal which step is under way and what it waits for.
type demoLine struct {
	console *console.Console
	quiet   bool

	mu     sync.Mutex
	step   string
	length int // of the line on the screen
}

func (l *demoLine) begin(s demo.Step) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.step = s.Name
	l.show(s.Proves)
}

func (l *demoLine) note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.show(text)
}

func (l *demoLine) show(text string) {
	if !l.console.Err.Terminal() || l.console.Err.Width() < 40 || l.quiet || l.step == "" {
		return
	}
	line := []rune(fmt.Sprintf("… %-13s %s", l.step, text))
	line = line[:min(len(line), l.console.Err.Width()-1)]
	fmt.Fprintf(l.console.Err, "\r%s%s", string(line), strings.Repeat(" ", max(l.length-len(line), 0)))
	l.length = len(line)
}

// end takes the line off the screen.
func (l *demoLine) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.length > 0 {
		fmt.Fprintf(l.console.Err, "\r%s\r", strings.Repeat(" ", l.length))
	}
	l.step, l.length = "", 0
}
