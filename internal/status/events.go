package status

import (
	"maps"
	"slices"
	"strings"
)

// diary finds out what changed from one Snapshot to the next.
type diary struct {
	begun    bool
	problems map[string]Problem // that go on, by what they are about
	alarms   map[string]string  // states, by name
	shards   *float64
	events   []Event // the newest first
}

// read gives a new Snapshot its events. Nothing is said before there is a whole
// one; of that, what is wrong is told, when it is known since when.
func (d *diary) read(s *Snapshot) {
	if !s.Loading {
		fresh := slices.Concat(d.problemEvents(s), d.alarmEvents(s), d.shardEvents(s))
		d.begun = true
		d.events = append(fresh, d.events...)
		slices.SortStableFunc(d.events, func(a, b Event) int { return b.At.Compare(a.At) })
		d.events = d.events[:min(len(d.events), MaxEvents)]
	}
	s.Events = append([]Event{}, d.events...)
}

// problemEvents tells of problems that began, became worse or ended. Alarms
// tell of themselves.
func (d *diary) problemEvents(s *Snapshot) (fresh []Event) {
	now := map[string]Problem{}
	for _, p := range s.Problems {
		if strings.HasPrefix(p.Part, "alarm/") {
			continue
		}
		key := p.Part + " " + p.What
		now[key] = p
		before, known := d.problems[key]
		if known && !p.Severity.Worse(before.Severity) {
			continue
		}
		at := p.Since
		if at.IsZero() || known {
			at = s.At
		}
		if d.begun || !p.Since.IsZero() {
			fresh = append(fresh, Event{At: at, Part: p.Part, Severity: p.Severity, Text: p.Text})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.problems)) {
		if _, still := now[key]; !still {
			p := d.problems[key]
			fresh = append(fresh, Event{At: s.At, Part: p.Part, Severity: OK, Text: p.What + " is fine again"})
		}
	}
	d.problems = now
	return fresh
}

// alarmEvents tells of alarms that changed their state, by CloudWatch's time.
func (d *diary) alarmEvents(s *Snapshot) (fresh []Event) {
	now := map[string]string{}
	for _, a := range s.Alarms {
		now[a.Name] = a.State
		before, known := d.alarms[a.Name]
		news := a.State == "ALARM" // is it one, if nothing is known of before
		if known {
			news = a.State != before && (news || before == "ALARM")
		}
		if news {
			fresh = append(fresh, Event{At: a.Since, Part: "alarm/" + a.Name, Severity: a.Severity, Text: "is " + a.State})
		}
	}
	d.alarms = now
	return fresh
}

func (d *diary) shardEvents(s *Snapshot) (fresh []Event) {
	n := s.Stream.Shards.Value
	if n == nil {
		return nil
	}
	if d.shards != nil && *d.shards != *n {
		fresh = append(fresh, Event{At: s.At, Part: "stream/" + s.Stream.Name, Severity: OK, Text: Text(*d.shards, Shards) + " became " + Text(*n, Count)})
	}
	d.shards = n
	return fresh
}
