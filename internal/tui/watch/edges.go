package watch

import (
	"fmt"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// titleWidth is from where on the title has one line.
const titleWidth = 114

// header is whose pipeline this is, how it is, and of when.
func (m *model) header() []string {
	s := m.styles
	if m.shown == nil {
		return []string{sides(" "+s.title.Render("ccsctl watch"), "loading ", m.width), s.dim.Render(strings.Repeat("─", m.width))}
	}
	i := m.shown.Identity
	place := s.warn.Render("AWS")
	if i.Sandbox {
		place = s.ok.Render("SANDBOX")
	} else if i.Endpoint != "" && i.Endpoint != "AWS" {
		place = s.red.Render(clean(i.Endpoint))
	}
	whose := " " + joined(" · ", s.title.Render(clean(i.Project+"/"+i.Environment)), place, clean(i.Region), clean(i.Account))
	how, when := m.verdict(), m.moment()
	lines := []string{sides(whose, how+"   "+when+" ", m.width)}
	if m.width < titleWidth {
		lines = []string{sides(whose, how+" ", m.width), sides("", when+" ", m.width)}
	}
	if m.height >= ruledHeight {
		lines = append(lines, s.dim.Render(strings.Repeat("─", m.width)))
	}
	return lines
}

// verdict is the whole state in a few words.
func (m *model) verdict() string {
	s, snap := m.styles, m.shown
	var alarms, wrong, near, silent int
	for _, p := range snap.Problems {
		switch {
		case p.Severity == status.Red && strings.HasPrefix(p.Part, "alarm/"):
			alarms++
		case p.Severity == status.Red:
			wrong++
		case strings.HasPrefix(p.Part, "source/"):
			silent++
		default:
			near++
		}
	}
	var red, warn string
	if alarms > 0 {
		red = plural(alarms, "alarm", "alarms")
	}
	if wrong > 0 {
		red = joined(" · ", red, fmt.Sprintf("%d wrong", wrong))
	}
	if red != "" {
		red = s.red.Render("✖ " + red)
	}
	if near > 0 {
		warn = s.warn.Render("! " + plural(near, "warning", "warnings"))
	}
	if silent > 0 {
		warn = joined("  ", warn, s.warn.Render(fmt.Sprintf("? %d of %d sources silent", silent, len(snap.Sources))))
	}
	switch {
	case snap.Absent:
		return s.red.Render("✖ not built")
	case red != "" || warn != "":
		return joined("  ", red, warn)
	case snap.Loading:
		return s.dim.Render("? asking")
	case snap.Severity == status.Unknown:
		return s.dim.Render("? not all is known")
	}
	return s.ok.Render("✔ all well")
}

// moment is of when the screen is, and whether that is now.
func (m *model) moment() string {
	s := m.styles
	at := m.shown.At.Format("15:04:05")
	newest := m.kept[len(m.kept)-1].At
	switch {
	case m.frozen && m.shown.At.Before(newest):
		return s.past.Render(" PAST ") + " " + s.warn.Render(at) + " · " + status.Age(m.shown.At, newest) + " ago"
	case m.frozen:
		return s.past.Render(" PAUSED ") + " " + s.warn.Render(at)
	case m.ended:
		return s.past.Render(" END ") + " " + at
	case m.late:
		return s.red.Render("✖ nothing new since " + at)
	}
	word := s.ok.Render("live")
	if m.options.Recorded {
		word = s.accent.Render("recording")
	}
	every := ""
	if m.shown.Period > 0 {
		every = "every " + period(time.Duration(m.shown.Period))
	}
	return joined(" · ", word, at, every)
}

func period(d time.Duration) string {
	return status.Text(d.Round(100*time.Millisecond).Seconds(), status.Count) + " s"
}

// footer is what happened last or what there is to say, what looking costs, and
// the keys.
func (m *model) footer() []string {
	s := m.styles
	var lines []string
	if m.height >= ruledHeight {
		lines = append(lines, s.dim.Render(strings.Repeat("─", m.width)))
	}
	left, right := "", ""
	if m.shown != nil {
		c := m.shown.Cost
		right = s.dim.Render(fmt.Sprintf("%s · $%.3f this hour", plural(c.HourCalls, "call", "calls"), c.HourDollars))
		if len(m.shown.Events) > 0 {
			e := m.shown.Events[0]
			left = s.dim.Render(e.At.In(m.shown.At.Location()).Format("15:04:05")) + " " + s.mark(e.Severity) + " " + clean(e.Part+" "+e.Text)
		}
	}
	switch {
	case m.shown != nil && m.shown.Loading && left == "" && m.note == "" && !m.typing:
		left = s.dim.Render("asking for the first time …")
	case m.typing:
		left = s.accent.Render("/") + clean(m.filter) + "▏" + s.dim.Render(" enter keeps it · esc clears it")
	case m.note != "":
		left = s.warn.Render(m.note)
	case m.filter != "":
		left = s.accent.Render("/"+clean(m.filter)) + s.dim.Render(" only what matches · esc clears it")
	case m.task.busy() && m.folded:
		left = s.accent.Render(m.task.action.Name()+" is running") + s.dim.Render(" · enter shows it · x stops it")
	}
	return append(lines, " "+sides(left, right+" ", m.width-1), " "+m.hints(m.width-2))
}

// hints are as many keys as there is room for, help and quit at any rate.
func (m *model) hints(width int) string {
	say := func(b key.Binding) string { return m.styles.title.Render(b.Help().Key) + " " + b.Help().Desc }
	last := say(m.keys.help) + "   " + say(m.keys.quit)
	line := ""
	for _, b := range m.keys.footer(m.part != "") {
		next := line + say(b) + "   "
		if widthOf(next)+widthOf(last) > width {
			break
		}
		line = next
	}
	return line + last
}
