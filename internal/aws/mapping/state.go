package mapping

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// State is how a live mapping is.
type State struct {
	State   string // Creating, Enabling, Enabled, Disabling, Disabled, Updating, Deleting
	Problem string // what Lambda says when it reads in vain, although the state is Enabled; "" for none
	Result  string // how the last read ended, in Lambda's words; "" when it does not say
}

// Find reads the mapping of a source and a function in the account of cfg. ok
// is false when there is none.
func Find(ctx context.Context, cfg aws.Config, sourceARN, function string) (s State, ok bool, err error) {
	l, err := New(cfg, Spec{SourceARN: sourceARN, FunctionName: function}).look(ctx)
	if err != nil {
		return State{}, false, fmt.Errorf("mapping of %s: %w", function, err)
	}
	if l == nil {
		return State{}, false, nil
	}
	return State{State: l.state(), Problem: problem(l), Result: aws.ToString(l.LastProcessingResult)}, true, nil
}
