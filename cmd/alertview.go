package cmd

import (
	"fmt"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/alert"
	"github.com/ccs-platform/ccsctl/internal/console"
)

// alertTestView is what became of test alerts.
type alertTestView struct {
	where
	Alerts []*alert.Report `json:"alerts"`
	Swept  []string        `json:"swept"` // what killed tests had left
}

// Header and Rows are a line for each topic.
func (v *alertTestView) Header() []string {
	return []string{"topic", "arrived", "after", "confirmed", "unconfirmed", "delivered", "failed"}
}

func (v *alertTestView) Rows() [][]string {
	var rows [][]string
	for _, r := range v.Alerts {
		arrived, after, confirmed := "no", "–", 0
		if r.Arrived {
			arrived, after = "yes", milliseconds(*r.LatencyMS)
		}
		for _, s := range r.Subscriptions {
			if s.Confirmed {
				confirmed++
			}
		}
		rows = append(rows, []string{r.Topic, arrived, after, fmt.Sprint(confirmed), fmt.Sprint(len(r.Subscriptions) - confirmed), known(r.Delivered, "–"), known(r.Failed, "–")})
	}
	return rows
}

// Items are the topics.
func (v *alertTestView) Items() []any {
	var all []any
	for _, r := range v.Alerts {
		all = append(all, r)
	}
	return all
}

// Human is the table, and under it each alert as it arrived and who else hears.
func (v *alertTestView) Human(p *console.Painter) string {
	var b strings.Builder
	b.WriteString(p.Table(v.Header(), v.Rows()))
	for _, r := range v.Alerts {
		mark := p.Red("✖ " + r.Topic + " did not arrive")
		if r.Arrived {
			mark = p.Green("✔ "+r.Topic) + " arrived"
		}
		fmt.Fprintf(&b, "\n%s\n", mark)
		if r.Arrived {
			fmt.Fprintf(&b, "    %s\n", r.Subject)
			for line := range strings.Lines(strings.TrimSpace(r.Text)) {
				fmt.Fprintf(&b, "    %s\n", strings.TrimRight(line, "\n"))
			}
		}
		for _, s := range r.Subscriptions {
			state := p.Green("confirmed")
			if !s.Confirmed {
				state = p.Yellow("not confirmed: it gets nothing")
			}
			fmt.Fprintf(&b, "  %s %s  %s\n", s.Protocol, s.Endpoint, state)
		}
		if len(r.Subscriptions) == 0 {
			fmt.Fprintf(&b, "  %s\n", p.Yellow("nobody is subscribed: alerts of this topic reach nobody"))
		}
		if r.Delivered != nil || r.Failed != nil {
			fmt.Fprintf(&b, "  CloudWatch, in that minute and the next: %s delivered (the test's own among them), %s reported as failed\n", known(r.Delivered, "–"), known(r.Failed, "none"))
		}
	}
	if len(v.Swept) > 0 {
		fmt.Fprintf(&b, "taken away what earlier tests had left: %s\n", strings.Join(v.Swept, ", "))
	}
	return b.String()
}

// known is a number, or a word for none.
func known(n *int, none string) string {
	if n == nil {
		return none
	}
	return fmt.Sprint(*n)
}
