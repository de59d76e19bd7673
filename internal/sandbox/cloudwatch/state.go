package cloudwatch

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// kept is how long CloudWatch keeps the history of alarms.
const kept = 30 * 24 * time.Hour

// record adds to the history. It is called with the lock held.
func (s *Service) record(name string, kind types.HistoryItemType, summary, data string) {
	now := time.Now()
	s.history = slices.DeleteFunc(s.history, func(h types.AlarmHistoryItem) bool { return now.Sub(*h.Timestamp) > kept })
	item := types.AlarmHistoryItem{
		AlarmName: aws.String(name), AlarmType: types.AlarmTypeMetricAlarm, HistoryItemType: kind,
		HistorySummary: aws.String(summary), Timestamp: aws.Time(now),
	}
	if data != "" {
		item.HistoryData = aws.String(data)
	}
	s.history = append(s.history, item)
}

// recordState adds a change of state, before it is made.
func (s *Service) recordState(name string, a *alarm, state types.StateValue, reason string, data *string) {
	type side struct {
		Value  types.StateValue `json:"stateValue"`
		Reason string           `json:"stateReason"`
		Data   json.RawMessage  `json:"stateReasonData,omitempty"`
	}
	s.record(name, types.HistoryItemTypeStateUpdate, "Alarm updated from "+string(a.state)+" to "+string(state), encode(struct {
		Version string `json:"version"`
		Old     side   `json:"oldState"`
		New     side   `json:"newState"`
	}{"1.0", side{a.state, a.reason, []byte(aws.ToString(a.reasonData))}, side{state, reason, []byte(aws.ToString(data))}}))
}

func (s *Service) setAlarmState(_ context.Context, in *cloudwatch.SetAlarmStateInput) (*cloudwatch.SetAlarmStateOutput, error) {
	if in.StateReasonData != nil && !json.Valid([]byte(*in.StateReasonData)) {
		return nil, wire.Errorf("InvalidFormatFault", "StateReasonData is not valid JSON")
	}
	changes, err := s.set(in)
	if err != nil {
		return nil, err
	}
	s.act(changes)
	return &cloudwatch.SetAlarmStateOutput{}, nil
}

// set puts an alarm into a state until it is evaluated again. Actions belong to
// a change only.
func (s *Service) set(in *cloudwatch.SetAlarmStateInput) ([]transition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.alarms[*in.AlarmName]
	switch {
	case a == nil:
		return nil, wire.Errorf("ResourceNotFound", "Alarm %s does not exist", *in.AlarmName)
	case a.state == in.StateValue:
		a.reason, a.reasonData, a.stated = *in.StateReason, in.StateReasonData, time.Now()
		return nil, nil
	}
	return []transition{s.turn(*in.AlarmName, in.StateValue, *in.StateReason, in.StateReasonData, time.Now())}, nil
}

func (s *Service) describeAlarmHistory(_ context.Context, in *cloudwatch.DescribeAlarmHistoryInput) (*cloudwatch.DescribeAlarmHistoryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var items []types.AlarmHistoryItem
	for _, h := range s.history {
		if (in.AlarmName == nil || *in.AlarmName == *h.AlarmName) &&
			(in.HistoryItemType == "" || in.HistoryItemType == h.HistoryItemType) &&
			(len(in.AlarmTypes) == 0 || slices.Contains(in.AlarmTypes, h.AlarmType)) &&
			(in.StartDate == nil || !h.Timestamp.Before(*in.StartDate)) &&
			(in.EndDate == nil || !h.Timestamp.After(*in.EndDate)) {
			items = append(items, h)
		}
	}
	if in.ScanBy != types.ScanByTimestampAscending {
		slices.Reverse(items)
	}
	from := 0
	if in.NextToken != nil {
		var err error
		if from, err = strconv.Atoi(*in.NextToken); err != nil || from < 0 || from > len(items) {
			return nil, wire.Errorf("InvalidNextToken", "The next token specified is invalid.")
		}
	}
	to := len(items)
	out := &cloudwatch.DescribeAlarmHistoryOutput{}
	if most := int(aws.ToInt32(in.MaxRecords)); most > 0 && from+most < to {
		to = from + most
		out.NextToken = aws.String(strconv.Itoa(to))
	}
	out.AlarmHistoryItems = items[from:to]
	return out, nil
}
