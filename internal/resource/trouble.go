package resource

// Trouble sorts failures of a step by what helps. The AWS packages know which
// error is which; the planner knows how long to try.
type Trouble int

// The kinds of trouble.
const (
	// Lasting does not go away by itself.
	Lasting Trouble = iota
	// Throttled means too many calls; fewer of them will do.
	Throttled
	// Busy means that the thing, or one that it hangs on, is in a change that
	// must end first.
	Busy
	// Fresh means that something made a moment ago, most often a role, is not
	// known everywhere yet. The same words also mean a real mistake, so the
	// time to try is short (trap 1).
	Fresh
	// Recent means that the name was in use a moment ago and is still held.
	Recent
	// Unavailable means that AWS or the way to it failed.
	Unavailable
)

func (t Trouble) String() string {
	switch t {
	case Throttled:
		return "throttled"
	case Busy:
		return "busy"
	case Fresh:
		return "not spread yet"
	case Recent:
		return "name still held"
	case Unavailable:
		return "unavailable"
	default:
		return "lasting"
	}
}
