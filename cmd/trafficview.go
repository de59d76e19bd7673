package cmd

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/traffic"
	"github.com/ccs-platform/ccsctl/internal/traffic/load"
)

// trafficView is what a run of traffic came to.
type trafficView struct {
	where
	ElapsedMS  int64   `json:"elapsed_ms"`
	Offered    int64   `json:"offered"`
	Accepted   int64   `json:"accepted"`
	Lost       int64   `json:"lost"`
	Unsent     int64   `json:"unsent"`
	PerSecond  float64 `json:"accepted_per_second"`
	Critical   int64   `json:"critical"`
	FollowUps  int64   `json:"follow_ups"`
	Garbled    int64   `json:"garbled"`
	Bytes      int64   `json:"bytes"`
	Calls      int64   `json:"calls"`
	Throttled  int64   `json:"throttled"`
	Failed     int64   `json:"failed"`
	Unanswered int64   `json:"unanswered"`
	Retried    int64   `json:"retried"`
	P50        float64 `json:"put_p50_ms"`
	P99        float64 `json:"put_p99_ms"`
	Reason     string  `json:"last_refusal,omitempty"`
}

func newTrafficView(t *target, n traffic.Totals) trafficView {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	v := trafficView{
		where: t.where(), ElapsedMS: n.Elapsed.Milliseconds(), Offered: n.Offered, Accepted: n.Accepted, Lost: n.Lost, Unsent: n.Unsent,
		Critical: n.Critical, FollowUps: n.FollowUps, Garbled: n.Garbled, Bytes: n.Bytes, Calls: n.Calls, Throttled: n.Throttled,
		Failed: n.Failed, Unanswered: n.Unanswered, Retried: n.Retried, P50: ms(n.P50), P99: ms(n.P99), Reason: n.Reason,
	}
	if n.Elapsed > 0 {
		v.PerSecond = float64(n.Accepted) / n.Elapsed.Seconds()
	}
	return v
}

// Header and Rows are one number a line.
func (v trafficView) Header() []string { return []string{"what", "number", ""} }

// Rows are in the order of the help's account.
func (v trafficView) Rows() [][]string {
	n := func(i int64) string { return fmt.Sprint(i) }
	return [][]string{
		{"offered", n(v.Offered), "in " + seconds(v.ElapsedMS)},
		{"accepted", n(v.Accepted), fmt.Sprintf("%.0f a second, %.1f MiB", v.PerSecond, float64(v.Bytes)/(1<<20))},
		{"  critical", n(v.Critical), ""},
		{"  follow-ups", n(v.FollowUps), ""},
		{"  garbled", n(v.Garbled), ""},
		{"lost", n(v.Lost), v.Reason},
		{"unsent", n(v.Unsent), ""},
		{"throttled", n(v.Throttled), "answers, one event may have several"},
		{"failed", n(v.Failed), "answers, for trouble of AWS's own"},
		{"unanswered", n(v.Unanswered), "the stream may hold these twice"},
		{"retried", n(v.Retried), "times an event was sent again"},
		{"calls", n(v.Calls), fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", v.P50, v.P99)},
	}
}

// Human leaves out what did not happen, and ends with the account.
func (v trafficView) Human(p *console.Painter) string {
	var rows [][]string
	for _, row := range v.Rows() {
		if name := row[0]; row[1] != "0" || name == "lost" || name == "accepted" {
			if row[1] == "0" {
				row[2] = ""
			}
			rows = append(rows, row)
		}
	}
	sum := fmt.Sprintf("%s offered = %s accepted + %s lost + %s unsent", thousands(v.Offered), thousands(v.Accepted), thousands(v.Lost), thousands(v.Unsent))
	mark := p.Green("all accepted:")
	switch {
	case v.Lost > 0:
		mark = p.Red("not all accepted:")
	case v.Unsent > 0:
		mark = p.Yellow("cut short:")
	}
	return p.Table(v.Header(), rows) + "\n" + mark + " " + sum + "\n"
}

// trafficLine tells how a run goes: on a terminal a line that is written over,
// otherwise a new one every few seconds.
type trafficLine struct {
	console *console.Console
	shape   load.Load
	quiet   bool

	mu     sync.Mutex
	last   traffic.Totals
	told   time.Duration
	length int // of the line on the screen
}

// tellEvery is how often there is a line without a terminal.
const tellEvery = 5 * time.Second

func newTrafficLine(c *console.Console, shape load.Load, quiet bool) *trafficLine {
	return &trafficLine{console: c, shape: shape, quiet: quiet}
}

// show is told of the totals once a second.
func (l *trafficLine) show(n traffic.Totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text(n)
	if l.onScreen() {
		text = text[:min(len(text), l.console.Err.Width()-1)]
		fmt.Fprintf(l.console.Err, "\r%s%s", text, strings.Repeat(" ", max(l.length-len(text), 0)))
		l.length, l.last = len(text), n
		return
	}
	if n.Elapsed-l.told >= tellEvery-100*time.Millisecond {
		l.console.Notef("%s", text)
		l.told, l.last = n.Elapsed, n
	}
}

func (l *trafficLine) onScreen() bool {
	return l.console.Err.Terminal() && l.console.Err.Width() > 20 && !l.quiet
}

func (l *trafficLine) text(n traffic.Totals) string {
	of := ""
	if !l.shape.Endless() {
		of = fmt.Sprintf(" of %v", l.shape.Length().Round(time.Second))
	}
	rate := float64(n.Accepted-l.last.Accepted) / max(n.Elapsed-l.last.Elapsed, time.Millisecond).Seconds()
	text := fmt.Sprintf("%v%s: %s accepted, %.0f/s", n.Elapsed.Round(time.Second), of, thousands(n.Accepted), rate)
	if !l.shape.Endless() && n.Elapsed > l.shape.Length() {
		text = fmt.Sprintf("%v: waiting for the last %s, %s accepted", n.Elapsed.Round(time.Second), events(n.Waiting), thousands(n.Accepted))
	}
	return text + fmt.Sprintf(", %s waiting, %s throttled, %s lost, p99 %v", thousands(n.Waiting), thousands(n.Throttled), thousands(n.Lost), n.P99.Round(time.Millisecond))
}

// say puts a line of its own above.
func (l *trafficLine) say(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
	l.console.Notef("%s", text)
}

// end takes the line off the screen: the result says more.
func (l *trafficLine) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
}

func (l *trafficLine) clear() {
	if l.length > 0 {
		fmt.Fprintf(l.console.Err, "\r%s\r", strings.Repeat(" ", l.length))
		l.length = 0
	}
}
