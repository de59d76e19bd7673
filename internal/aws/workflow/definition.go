package workflow

import (
	"encoding/json"
	"fmt"
	"maps"
)

// Topics are the ARNs of the topics that the emergency workflow publishes to.
type Topics struct {
	Authorities string
	Owners      string
	Managers    string
	Alarms      string // told when one of the others could not be
}

// node is a JSON object of the definition.
type node map[string]any

// Definition is the emergency workflow in the Amazon States Language, in
// JSONPath style throughout. Its input is a telemetry event. The same topics
// give the same text.
//
// Authorities and owner are told at once and side by side, and a manager when
// somebody has to approve what follows, which the event's type decides alone: it
// is so for a theft. None of them waits for another or fails with it; whoever
// could not be told, after retries, is reported to the alarms topic, and the
// execution fails so that it is seen.
//
// A test may name a topic of its own, in $.probe.topic: then only that one is
// told, whatever becomes of it. The functions keep the name out of all other
// events, and the workflow's role keeps it among the topics of tests.
func Definition(t Topics) string {
	text, err := json.MarshalIndent(node{
		"Comment":        "Tell everybody concerned about an emergency",
		"StartAt":        "WhoIsTold",
		"TimeoutSeconds": 600,
		"States": node{
			"WhoIsTold": node{
				"Type":    "Choice",
				"Choices": []node{{"Variable": "$.probe.topic", "IsPresent": true, "Next": "TellProbe"}},
				"Default": "Tell",
			},
			"TellProbe":         publish("TopicArn.$", "$.probe.topic").with(node{"Catch": catchAll("ProbeNotDelivered"), "ResultPath": nil, "Next": "Done"}),
			"ProbeNotDelivered": node{"Type": "Fail", "Error": "AlertNotDelivered", "Cause": "the topic of the test could not be told"},
			"Tell": node{
				"Type": "Parallel",
				"Branches": []node{
					{"StartAt": "TellAuthorities", "States": tell("Authorities", t.Authorities)},
					{"StartAt": "TellOwner", "States": tell("Owner", t.Owners)},
					{"StartAt": "ApprovalNeeded", "States": tellManager(t.Managers)},
				},
				"ResultPath": "$.told",
				"Catch":      catchAll("TellAlarms"),
				"Next":       "EverybodyTold",
			},
			"EverybodyTold": node{
				"Type": "Choice",
				"Choices": []node{{
					"Or":   []node{failed(0), failed(1), failed(2)},
					"Next": "TellAlarms",
				}},
				"Default": "Done",
			},
			"TellAlarms": node{
				"Type":     "Task",
				"Resource": snsPublish,
				"Parameters": node{
					"TopicArn": t.Alarms,
					"Subject":  "CCS: an emergency alert was not delivered",
					// Nothing of the input is taken for granted here.
					"Message.$": "States.Format('The emergency execution {} could not tell everybody: {}', $$.Execution.Id, States.JsonToString($))",
				},
				"TimeoutSeconds": taskTimeout,
				"Retry":          retries(),
				"Catch":          catchAll("NotDelivered"),
				"ResultPath":     nil,
				"Next":           "NotDelivered",
			},
			"NotDelivered": node{"Type": "Fail", "Error": "AlertNotDelivered", "Cause": "at least one of authorities, owner and manager could not be told"},
			"Done":         node{"Type": "Succeed"},
		},
	}, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("workflow: %v", err)) // only our own values get here
	}
	return string(text)
}

// snsPublish is Step Functions' own integration of SNS.
const snsPublish = "arn:aws:states:::sns:publish"

// taskTimeout bounds one publication in seconds; the promise to the authorities
// is two.
const taskTimeout = 5

// publish is the task that publishes the event to the topic that a parameter
// names, without what follows it.
func publish(parameter, topic string) node {
	return node{
		"Type":     "Task",
		"Resource": snsPublish,
		"Parameters": node{
			parameter:   topic,
			"Subject.$": "States.Format('CCS {}: {}', $.severity, $.type)",
			"Message.$": "States.Format('Vehicle {} reported {} ({}) at {}. Event {}: {}', " +
				"$.vehicle_id, $.type, $.severity, $.occurred_at, $.event_id, States.JsonToString($))",
			"MessageAttributes": node{ // what a subscription can filter on
				"event_id":   attribute("$.event_id"),
				"vehicle_id": attribute("$.vehicle_id"),
				"type":       attribute("$.type"),
				"severity":   attribute("$.severity"),
			},
		},
		"TimeoutSeconds": taskTimeout,
		"Retry":          retries(),
	}
}

// with is n with more fields.
func (n node) with(more node) node {
	maps.Copy(n, more)
	return n
}

// tell is the task that publishes the event to a topic, and the state that
// notes its failure so that the other branches go on.
func tell(who, topic string) node {
	note := who + "NotTold"
	return node{
		"Tell" + who: publish("TopicArn", topic).with(node{
			"Catch":          catchAll(note),
			"ResultSelector": node{"who": who, "failed": false},
			"End":            true,
		}),
		note: node{
			"Type":       "Pass",
			"Parameters": node{"who": who, "failed": true, "error.$": "$.error"},
			"End":        true,
		},
	}
}

func attribute(path string) node { return node{"DataType": "String", "StringValue.$": path} }

// tellManager is tell behind the question whether an approval is needed.
func tellManager(topic string) node {
	states := tell("Manager", topic)
	states["ApprovalNeeded"] = node{
		"Type": "Choice",
		"Choices": []node{
			{"Variable": "$.type", "StringEquals": "theft", "Next": "TellManager"},
		},
		"Default": "NoApproval",
	}
	states["NoApproval"] = node{"Type": "Pass", "Result": node{"who": "Manager", "failed": false}, "End": true}
	return states
}

// failed holds when the branch of that index noted a failure.
func failed(branch int) node {
	return node{"Variable": fmt.Sprintf("$.told[%d].failed", branch), "BooleanEquals": true}
}

// retries take some 30 s in all: a throttled or failing SNS recovers in that
// time or not soon. States.TaskFailed stands for every error but a timeout.
func retries() []node {
	return []node{{
		"ErrorEquals":     []string{"States.TaskFailed", "States.Timeout"},
		"IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 5, "MaxDelaySeconds": 10, "JitterStrategy": "FULL",
	}}
}

func catchAll(next string) []node {
	return []node{{"ErrorEquals": []string{"States.ALL"}, "ResultPath": "$.error", "Next": next}}
}
