package cmd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/redrive"
)

// redriveView is what a redrive came to.
type redriveView struct {
	where
	Queue      string                  `json:"queue"`
	Engine     string                  `json:"engine"`
	Counts     map[redrive.Outcome]int `json:"counts"`
	Finished   int                     `json:"finished"` // of an earlier run, deleted only
	Messages   []redrive.Item          `json:"messages"`
	Duplicates []string                `json:"possible_duplicates"`
	Behind     int                     `json:"behind"`
	Elsewhere  int                     `json:"elsewhere"`
	Resumed    bool                    `json:"resumed"`
	Stopped    string                  `json:"stopped,omitempty"`
	ElapsedMS  int64                   `json:"elapsed_ms"`
	Journal    string                  `json:"journal,omitempty"`
}

func newRedriveView(t *target, name, engine string, s redrive.Summary) *redriveView {
	v := &redriveView{
		where: t.where(), Queue: name, Engine: engine, Counts: s.Counts, Finished: s.Finished, Messages: s.Items, Duplicates: s.Duplicates,
		Behind: s.Behind, Elsewhere: s.Elsewhere, Resumed: s.Resumed, Stopped: s.Stopped, ElapsedMS: s.Took.Milliseconds(),
	}
	if v.Counts == nil {
		v.Counts = map[redrive.Outcome]int{}
	}
	if v.Messages == nil {
		v.Messages = []redrive.Item{}
	}
	if v.Duplicates == nil {
		v.Duplicates = []string{}
	}
	return v
}

// outcomeWords say what became of messages, in the order in which they are told.
func outcomeWords() [][2]string {
	return [][2]string{
		{string(redrive.Moved), "moved"},
		{string(redrive.Matched), "would be moved"},
		{string(redrive.Undeleted), "of these not deleted yet where they were; the next run does that"},
		{string(redrive.Unmatched), "left, not chosen by the filter"},
		{string(redrive.Arrived), "left, came while it ran"},
		{string(redrive.CameBack), "came back after they were moved"},
		{string(redrive.Suppressed), "dropped by the queue as repetitions, and kept here"},
		{string(redrive.Failed), "failed"},
		{string(redrive.Expired), "past the stream's retention: lost"},
		{string(redrive.HeldBack), "held back behind a failed one of their group"},
	}
}

func (v *redriveView) Human(p *console.Painter) string {
	var b strings.Builder
	for _, o := range outcomeWords() {
		if n := v.Counts[redrive.Outcome(o[0])]; n > 0 || o[0] == string(redrive.Moved) && v.Counts[redrive.Matched] == 0 {
			fmt.Fprintf(&b, "%6d %s\n", n, o[1])
		}
	}
	for _, also := range []struct {
		n    int
		text string
	}{
		{v.Finished, "moved by an earlier run, deleted now"},
		{len(v.Duplicates), "of the moved may be there twice: no answer came to the first send"},
		{v.Behind, "not looked at, behind messages of their group that stay"},
		{v.Elsewhere, "in somebody else's hands"},
	} {
		if also.n > 0 {
			fmt.Fprintf(&b, "%6d %s\n", also.n, also.text)
		}
	}
	if rows := v.named(); len(rows) > 0 {
		b.WriteString("\n" + p.Table([]string{"message", "group", "outcome", "why"}, rows))
	}
	return b.String()
}

// named are the messages that are worth a line each.
func (v *redriveView) named() (rows [][]string) {
	for _, i := range v.Messages {
		rows = append(rows, []string{i.ID, i.Group, string(i.Outcome), i.Reason})
	}
	for _, id := range v.Duplicates {
		rows = append(rows, []string{id, "", "possible duplicate", ""})
	}
	return rows
}

func (v *redriveView) Header() []string { return []string{"what", "value"} }

func (v *redriveView) Rows() (rows [][]string) {
	for _, o := range outcomeWords() {
		if n := v.Counts[redrive.Outcome(o[0])]; n > 0 {
			rows = append(rows, []string{o[0], strconv.Itoa(n)})
		}
	}
	for name, n := range map[string]int{"finished": v.Finished, "behind": v.Behind, "elsewhere": v.Elsewhere} {
		if n > 0 {
			rows = append(rows, []string{name, strconv.Itoa(n)})
		}
	}
	slices.SortStableFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	for _, row := range v.named() {
		rows = append(rows, []string{row[2], row[0]})
	}
	return rows
}

// moveView is one of SQS's own tasks.
type moveView struct {
	where
	Queue       string    `json:"queue"`
	State       string    `json:"state"`
	Destination string    `json:"destination,omitempty"`
	Moved       int       `json:"moved"`
	ToMove      int       `json:"to_move"`
	Rate        int       `json:"rate,omitempty"`
	Started     time.Time `json:"started"`
	Reason      string    `json:"reason,omitempty"`
}

func newMoveView(t *target, name string, m queue.Move) moveView {
	return moveView{where: t.where(), Queue: name, State: string(m.State), Destination: m.Destination, Moved: m.Moved, ToMove: m.ToMove, Rate: m.Rate, Started: m.Started.UTC(), Reason: m.Reason}
}

func (v moveView) Header() []string { return movesView{}.Header() }
func (v moveView) Rows() [][]string { return movesView{Tasks: []moveView{v}}.Rows() }

// movesView is a queue's tasks, the newest first.
type movesView struct {
	where
	Queue string     `json:"queue"`
	Tasks []moveView `json:"tasks"`
}

func (v movesView) Header() []string {
	return []string{"started", "state", "moved", "of about", "to", "reason"}
}

func (v movesView) Rows() (rows [][]string) {
	for _, m := range v.Tasks {
		to := "where they came from"
		if m.Destination != "" {
			to = queue.NameOf(m.Destination)
		}
		rows = append(rows, []string{m.Started.Local().Format(time.DateTime), m.State, strconv.Itoa(m.Moved), strconv.Itoa(m.ToMove), to, m.Reason})
	}
	return rows
}
