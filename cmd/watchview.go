package cmd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/status"
)

// watchView is one Snapshot, for every form of output.
type watchView struct{ status.Snapshot }

func (v watchView) Header() []string {
	return []string{"part", "measure", "value", "unit", "limit", "state", "at"}
}

// Rows are the measures, a line each, with numbers as programs want them.
func (v watchView) Rows() [][]string {
	var rows [][]string
	for _, f := range v.Facts() {
		m := f.Measure
		at := ""
		if !m.At.IsZero() {
			at = m.At.Format(time.RFC3339)
		}
		rows = append(rows, []string{f.Part, f.Name, number(m.Value), string(m.Unit), number(m.Limit), m.Severity.String(), at})
	}
	return rows
}

func number(v *float64) string {
	if v == nil {
		return status.None
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// Human is the pipeline for eyes: what is wrong first, then part by part.
func (v watchView) Human(p *console.Painter) string {
	var b strings.Builder
	i := v.Identity
	fmt.Fprintf(&b, "%s · %s · %s · %s · %s\n", p.Bold(i.Project+"/"+i.Environment), i.Region, i.Account, v.At.Format("2006-01-02 15:04:05 MST"), severityMark(p, v.Severity))
	if len(v.Problems) > 0 {
		var rows [][]string
		for _, x := range v.Problems {
			rows = append(rows, []string{severityMark(p, x.Severity), x.Part, x.Text, status.Age(x.Since, v.At), x.Fix})
		}
		b.WriteString("\n" + p.Table([]string{"state", "what", "is wrong", "for", "next"}, rows))
	}
	b.WriteString("\n" + p.Table([]string{"state", "part", "now"}, v.parts(p)))
	fmt.Fprintf(&b, "\n%d alarms, %d of them firing · %s\n", len(v.Alarms), v.firing(), v.spent())
	return b.String()
}

// parts are the parts of the pipeline with their numbers.
func (v watchView) parts(p *console.Painter) [][]string {
	now := map[string][]string{}
	for _, f := range v.Facts() {
		text := f.Measure.String()
		if f.Name != string(f.Measure.Unit) {
			text = f.Name + " " + text
		}
		if age := v.At.Sub(f.Measure.At); f.Measure.Known() && age > v.tooOld() {
			text += " (" + status.Age(f.Measure.At, v.At) + " old)"
		}
		now[f.Part] = append(now[f.Part], text)
	}
	var rows [][]string
	for _, part := range v.Parts() {
		text := strings.Join(now[part.Name], ", ")
		if part.Absent {
			text = "is not there"
		}
		rows = append(rows, []string{severityMark(p, part.Severity), part.Name, text})
	}
	return rows
}

// tooOld is when a value tells its age: CloudWatch's are up to four minutes old
// when all is well.
func (v watchView) tooOld() time.Duration {
	return max(status.Lag+3*time.Minute, 2*time.Duration(v.Period))
}

func (v watchView) firing() (n int) {
	for _, a := range v.Alarms {
		if a.State == "ALARM" {
			n++
		}
	}
	return n
}

// spent is what the looking costs.
func (v watchView) spent() string {
	return fmt.Sprintf("%d calls, $%.4f in the last hour", v.Cost.HourCalls, v.Cost.HourDollars)
}

func severityMark(p *console.Painter, s status.Severity) string {
	switch s {
	case status.OK:
		return p.Green("✔ ok")
	case status.Warn:
		return p.Yellow("! warn")
	case status.Red:
		return p.Red("✖ red")
	default:
		return p.Dim("? unknown")
	}
}

// watchLines is the form for logs: a line for each Snapshot, and one for each
// event that the line before did not have.
type watchLines struct{ seen map[status.Event]bool }

func (w *watchLines) next(s status.Snapshot) string {
	var b strings.Builder
	v := watchView{s}
	seen := map[status.Event]bool{}
	for i := len(s.Events) - 1; i >= 0; i-- { // the oldest first
		event := s.Events[i]
		if seen[event] = true; !w.seen[event] {
			fmt.Fprintf(&b, "%s %s event %s: %s\n", event.At.Format(time.RFC3339), event.Severity, event.Part, event.Text)
		}
	}
	w.seen = seen
	fmt.Fprintf(&b, "%s %s %s; %d of %d alarms fire; %s\n", s.At.Format(time.RFC3339), s.Severity, strings.Join(v.summary(), "; "), v.firing(), len(s.Alarms), v.spent())
	return b.String()
}

// summary is the few numbers that tell most.
func (v watchView) summary() []string {
	s := v.Stream
	all := []string{fmt.Sprintf("stream %s (%s), refused %s, iterator age %s", s.Records, s.Load, s.Refused, s.IteratorAge)}
	for _, q := range v.Queues {
		text := fmt.Sprintf("%s %s", q.Name, q.Depth)
		if q.DeadLetters != nil {
			text += fmt.Sprintf(", dead %s", q.DeadLetters.Depth)
		}
		all = append(all, text)
	}
	for _, t := range v.Topics {
		all = append(all, fmt.Sprintf("%s fails %s", t.Name, t.FailureRate))
	}
	return append(all, fmt.Sprintf("lake %s behind", v.Delivery.Freshness), fmt.Sprintf("workflow failed %s", v.Workflow.Failed))
}
