package topic

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// A subscription is there or not, whatever the list makes of its endpoint.
func TestIs(t *testing.T) {
	for _, c := range []struct {
		want     Subscription
		protocol string
		endpoint string
		arn      string
		is       bool
	}{
		{Subscription{"email", "Duty@Example.com"}, "email", "duty@example.com", "PendingConfirmation", true},
		{Subscription{"email", "duty@example.com"}, "email", "duty@example.com", "Deleted", false},
		{Subscription{"email", "duty@example.com"}, "email-json", "duty@example.com", "arn", false},
		{Subscription{"email", "duty@example.com"}, "email", "other@example.com", "arn", false},
		{Subscription{"sms", "+49 170 1234567"}, "sms", "+491701234567", "arn", true},
		{Subscription{"https", "https://u:secret@example.com/a"}, "https", "https://u:****@example.com/a", "arn", true},
		{Subscription{"https", "https://u:secret@example.com/a"}, "https", "https://u:****@example.com/b", "arn", false},
		{Subscription{"https", "https://example.com/a:b@c"}, "https", "https://example.com/a:x@c", "arn", false},
		{Subscription{"sqs", "arn:aws:sqs:eu-west-1:1:q"}, "sqs", "arn:aws:sqs:eu-west-1:1:Q", "arn", false},
	} {
		live := types.Subscription{Protocol: aws.String(c.protocol), Endpoint: aws.String(c.endpoint), SubscriptionArn: aws.String(c.arn)}
		if got := c.want.is(live); got != c.is {
			t.Errorf("%s is %s:%s (%s): got %v, want %v", c.want, c.protocol, c.endpoint, c.arn, got, c.is)
		}
	}
}
