package delivery

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// State is how the delivery of that name in the account of cfg is: CREATING,
// ACTIVE, DELETING, CREATING_FAILED and so on, and what is wrong with it, "" for
// nothing. ok is false when there is none.
func State(ctx context.Context, cfg aws.Config, name string) (state, trouble string, ok bool, err error) {
	live, err := New(cfg, Spec{DeliveryName: name}).describe(ctx)
	if err != nil {
		return "", "", false, fmt.Errorf("delivery %s: %w", name, err)
	}
	if live == nil {
		return "", "", false, nil
	}
	return string(live.DeliveryStreamStatus), problem(live), true, nil
}
