package alarm

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// State is how one live alarm is.
type State struct {
	Name        string // without the set's prefix
	Description string
	State       string // OK, ALARM, INSUFFICIENT_DATA
	// Since is when it came into the state. Where CloudWatch does not tell, it
	// is when the state, or the reason for it, was last looked into.
	Since  time.Time
	Reason string
	Muted  bool // its actions are off
}

// States reads all alarms of the set that are there, by name.
func (s *Set) States(ctx context.Context) ([]State, error) {
	live, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]State, 0, len(live))
	for name, a := range live {
		since := a.StateTransitionedTimestamp
		if since == nil {
			since = a.StateUpdatedTimestamp
		}
		states = append(states, State{
			Name: strings.TrimPrefix(name, s.prefix), Description: aws.ToString(a.AlarmDescription), State: string(a.StateValue),
			Since: aws.ToTime(since), Reason: aws.ToString(a.StateReason), Muted: !aws.ToBool(a.ActionsEnabled),
		})
	}
	slices.SortFunc(states, func(a, b State) int { return cmp.Compare(a.Name, b.Name) })
	return states, nil
}
