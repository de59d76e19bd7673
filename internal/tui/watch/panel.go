package watch

import (
	"strings"

	"github.com/ccs-platform/ccsctl/internal/status"
)

// panel is the action that is asked about or runs, below everything else.
func (m *model) panel() []string {
	t := m.task
	if t == nil || m.folded {
		return nil
	}
	s := m.styles
	if t.ask {
		return m.boxed("scale", []string{"how many shards?  " + s.title.Render(t.number) + "▏"}, "enter goes on · esc leaves it")
	}
	var lines []string
	add := func(text string) { lines = append(lines, wrapped(text, m.width-4)...) }
	add(s.dim.Render("the same as  ") + s.accent.Render(clean(t.action.Command())))
	switch {
	case !t.started:
		for part := range strings.SplitSeq(t.action.Effect(), "\n") {
			add(clean(part))
		}
		return m.boxed(t.action.Name()+"?", lines, "y does it · any other key leaves it")
	case !t.over:
		return m.boxed(joined(" · ", t.action.Name(), "running"), append(lines, m.tail(t)...), "x stops it · esc puts this out of sight")
	}
	lines = append(lines, m.tail(t)...)
	end := s.ok.Render("✔ done")
	switch {
	case t.err != nil && t.stopping:
		end = s.warn.Render("! stopped: " + clean(t.err.Error()))
	case t.err != nil:
		end = s.red.Render("✖ " + clean(t.err.Error()))
	}
	add(end)
	return m.boxed(t.action.Name(), lines, "esc closes this")
}

// tail is the end of what an action reported.
func (m *model) tail(t *task) []string {
	n := max(1, min(10, m.height/3))
	return t.lines[max(0, len(t.lines)-n):]
}

func (m *model) boxed(title string, lines []string, keys string) []string {
	s := m.styles
	head := "── " + clean(title) + " "
	all := []string{s.accent.Render(head + strings.Repeat("─", max(0, m.width-widthOf(head))))}
	for _, line := range lines {
		all = append(all, "  "+line)
	}
	return append(all, "  "+s.dim.Render(keys))
}

// help is every key and every sign.
func (m *model) help() []string {
	s := m.styles
	lines := []string{" " + s.accent.Render("KEYS")}
	k := m.keys
	for _, b := range []struct{ key, does string }{
		{"↑ ↓  j k", "select; scroll what is open (pgup, pgdown by ten)"},
		{"enter", "open what is selected, or the worst problem"},
		{"esc", "back; clear the filter; return to now"},
		{"/", "show only what matches"},
		{"← →  h l", "one look back, one look forward in time"},
		{"shift+← →  H L", "ten looks back or forward"},
		{"home  end", "the oldest look that is kept; now"},
		{"p", "pause: keep this moment on the screen"},
		{"+ -", "ask more often, less often"},
		{"r", "send dead letters of the selected queue again (asks first)"},
		{"t", "send a test alert (asks first)"},
		{"s", "change the number of shards (asks first)"},
		{"d", "drift: what differs from the configuration (only reads)"},
		{k.help.Help().Key, "this help"},
		{"q  ctrl+c", "quit"},
	} {
		lines = append(lines, "   "+s.title.Render(fit(b.key, 16))+b.does)
	}
	lines = append(lines, "", " "+s.accent.Render("SIGNS"))
	for _, v := range []struct {
		mark, means string
	}{
		{s.mark(status.Red), "beyond its limit, or failed"},
		{s.mark(status.Warn), "near its limit, or soon will be; or not as it should be"},
		{s.mark(status.OK), "fine"},
		{s.mark(status.Unknown), "not known, or no longer known to be fine"},
		{status.None, "a value that nobody knows: not zero"},
		{"~", "estimated from other values: nobody measures it"},
		{"▁▄█ ┄", "the last minutes; a full block is the limit, which stands after the ┄"},
		{s.red.Render("▲"), "above the limit"},
		{"█╳░", "capacity: in use, turned away, free"},
		{"→", "what to type, or to look at, next"},
	} {
		lines = append(lines, "   "+fit(v.mark, 16)+v.means)
	}
	if locked := m.options.Actions.Locked; locked != "" {
		lines = append(lines, "", "   "+s.warn.Render(locked))
	}
	return lines
}

// waiting is the screen before the first Snapshot.
func (s styles) waiting() []string {
	return []string{"", "   asking AWS for the first time …", "   " + s.dim.Render("q quits")}
}

// absent is the screen when nothing of the pipeline is there.
func (p page) absent() []string {
	i := p.snap.Identity
	lines := []string{"", "   " + p.title.Render("There is no pipeline "+clean(i.Project+"/"+i.Environment)+" in "+clean(i.Region)+" of account "+clean(i.Account)+"."), ""}
	for _, l := range []string{
		"build it          " + p.accent.Render("ccsctl up"),
		"another place?    " + p.dim.Render("--region, --profile, --environment, --sandbox"),
	} {
		lines = append(lines, "   "+l)
	}
	return append(lines, "", "   "+p.dim.Render("This screen shows it as soon as it is there."))
}
