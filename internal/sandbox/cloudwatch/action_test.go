package cloudwatch_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

// TestRefusedActions holds the silence of alarms whose topic does not let them
// in to its one trace, the history: a key that CloudWatch may not use (trap 22)
// and a policy that forgot it (trap 23).
func TestRefusedActions(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	cw, topics := cloudwatch.NewFromConfig(cfg), sns.NewFromConfig(cfg)
	const base = "arn:aws:sns:eu-west-1:" + sandbox.Account + ":"
	for name, c := range map[string]struct {
		attributes map[string]string
		says       string
	}{
		"open": {nil, "Successfully executed action " + base + "open"},
		"encrypted": {map[string]string{"KmsMasterKeyId": "alias/aws/sns"},
			"Failed to execute action " + base + `encrypted. Received error: "CloudWatch Alarms does not have authorization to access the SNS topic encryption key."`},
		"closed": {map[string]string{"Policy": `{"Version":"2012-10-17","Statement":[{"Sid":"own","Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sns:Publish","Resource":"` + base + `closed"}]}`},
			"Failed to execute action " + base + `closed. Received error: "Resource: arn:aws:cloudwatch:eu-west-1:` + sandbox.Account + `:alarm:closed is not authorized to perform: SNS:Publish on resource: ` + base + `closed"`},
	} {
		_, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: &name, Attributes: c.attributes})
		must(t, err)
		in := alarm(name)
		in.AlarmActions = []string{base + name}
		put(t, cw, in)
		_, err = cw.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: types.StateValueAlarm, StateReason: aws.String("a test")})
		must(t, err)
		history, err := cw.DescribeAlarmHistory(t.Context(), &cloudwatch.DescribeAlarmHistoryInput{AlarmName: &name, HistoryItemType: types.HistoryItemTypeAction})
		must(t, err)
		if len(history.AlarmHistoryItems) != 1 || *history.AlarmHistoryItems[0].HistorySummary != c.says {
			t.Errorf("%s: the history says %v, want %s", name, aws.ToString(history.AlarmHistoryItems[0].HistorySummary), c.says)
		}
	}
}
