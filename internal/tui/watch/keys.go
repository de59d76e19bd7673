package watch

import "charm.land/bubbles/v2/key"

// keys are all that the screen understands.
type keys struct {
	up, down, open, back, filter, redrive, test, scale, drift, pause, faster, slower,
	earlier, later, muchEarlier, muchLater, first, now, help, quit, interrupt, yes, stop key.Binding
}

func newKeys() keys {
	bind := func(shown, does string, names ...string) key.Binding {
		return key.NewBinding(key.WithKeys(names...), key.WithHelp(shown, does))
	}
	return keys{
		up:          bind("↑ k", "select what is above", "up", "k"),
		down:        bind("↓ j", "select what is below", "down", "j"),
		open:        bind("enter", "open", "enter"),
		back:        bind("esc", "back; clear the filter; return to now", "esc"),
		filter:      bind("/", "filter", "/"),
		redrive:     bind("r", "redrive", "r"),
		test:        bind("t", "test alert", "t"),
		scale:       bind("s", "scale", "s"),
		drift:       bind("d", "drift: compare with the configuration", "d"),
		pause:       bind("p", "pause", "p", "space"),
		faster:      bind("+", "ask more often", "+", "="),
		slower:      bind("-", "ask less often", "-"),
		earlier:     bind("←", "one look back", "left", "h"),
		later:       bind("→", "one look forward", "right", "l"),
		muchEarlier: bind("shift+←", "ten looks back", "shift+left", "H"),
		muchLater:   bind("shift+→", "ten looks forward", "shift+right", "L"),
		first:       bind("home", "the oldest look that is kept", "home"),
		now:         bind("end", "now", "end"),
		help:        bind("?", "help", "?"),
		quit:        bind("q", "quit", "q"),
		interrupt:   bind("ctrl+c", "quit at once", "ctrl+c"),
		yes:         bind("y", "do it", "y"),
		stop:        bind("x", "stop it", "x"),
	}
}

// footer are the keys to name at the bottom, the most wanted first.
func (k keys) footer(detail bool) []key.Binding {
	if detail {
		return []key.Binding{brief(k.back, "back"), brief(k.down, "scroll"), k.redrive, k.test, k.scale, brief(k.drift, "drift"), brief(k.earlier, "past"), k.pause}
	}
	return []key.Binding{brief(k.down, "select"), k.open, k.filter, k.redrive, k.test, k.scale, k.pause, brief(k.earlier, "past")}
}

func brief(b key.Binding, does string) key.Binding {
	shown := b.Help().Key
	switch shown {
	case "↓ j":
		shown = "↑↓"
	case "←":
		shown = "←→"
	}
	b.SetHelp(shown, does)
	return b
}
