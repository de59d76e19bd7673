package sqs

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/policy"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func setPolicy(s *settings, v string) error {
	if v != "" {
		if p, err := policy.Parse(v); err != nil || p.Statement == nil {
			return invalidValue("Policy")
		}
	}
	s.policy = v
	return nil
}

// ServiceMay implements bus.Queues.
func (s *Service) ServiceMay(arn, service, source string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	q := s.byARN(arn)
	if q == nil {
		return false
	}
	p, err := policy.Parse(q.settings.policy)
	if err != nil {
		return false // there is none
	}
	keys := map[string]string{"aws:sourcearn": source, "aws:sourceaccount": s.bus.Account}
	allowed := false
	for _, st := range p.Statement {
		if !st.Principal.Has("Service", service) && !st.Principal.Has("AWS") || !st.Concerns("sqs:SendMessage", arn) {
			continue
		}
		switch met, _ := st.Met(keys); {
		case st.Effect == "Deny" && met:
			return false
		case st.Effect == "Allow" && met:
			allowed = true
		}
	}
	return allowed && s.keyLetsIn(q.settings.key, service)
}

// keyLetsIn says whether a service may encrypt messages under the queue's key.
// The policy of SQS's own key names no service and can't be changed.
func (s *Service) keyLetsIn(ref, service string) bool {
	return ref == "" || !strings.HasSuffix(ref, "alias/aws/sqs") &&
		s.bus.Keys.ServiceMay(ref, service, "kms:GenerateDataKey") && s.bus.Keys.ServiceMay(ref, service, "kms:Decrypt")
}

// redrive is a RedrivePolicy: where messages go that are received too often.
type redrive struct {
	text   string
	Target string
	Most   int
}

func setRedrive(s *settings, text string) error {
	if text == "" {
		s.redrive = redrive{}
		return nil
	}
	refuse := func(reason string) error {
		return wire.Errorf("InvalidParameterValue", "Value %s for parameter RedrivePolicy is invalid. Reason: %s", text, reason)
	}
	var members map[string]any
	if json.Unmarshal([]byte(text), &members) != nil {
		return wire.Errorf("InvalidParameterValue", "Value %s for parameter RedrivePolicy is invalid. Reason: Redrive policy is not a valid JSON map.", text)
	}
	for _, name := range []string{"maxReceiveCount", "deadLetterTargetArn"} {
		if _, ok := members[name]; !ok {
			return refuse("Redrive policy does not contain mandatory attribute: " + name + ".")
		}
	}
	if len(members) > 2 {
		return refuse("Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].")
	}
	most, ok := count(members["maxReceiveCount"])
	if !ok || most < 1 || most > 1000 {
		return refuse("Invalid value for maxReceiveCount: " + string(mustJSON(members["maxReceiveCount"])) + ", valid values are from 1 to 1000 both inclusive.")
	}
	target, ok := members["deadLetterTargetArn"].(string)
	if !ok {
		return refuse("Invalid value for deadLetterTargetArn.")
	}
	s.redrive = redrive{text: text, Target: target, Most: most}
	return nil
}

// count reads a number that may be written as a string.
func count(v any) (int, bool) {
	switch v := v.(type) {
	case float64:
		return int(v), v == float64(int(v))
	case string:
		n, err := strconv.Atoi(v)
		return n, err == nil
	default:
		return 0, false
	}
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("sqs: " + err.Error()) // it came from JSON
	}
	return text
}

// checkTarget refuses a dead-letter queue that is not there, not of the same
// kind, or closed to the queue arn.
func (s *Service) checkTarget(arn string, to settings) error {
	r := to.redrive
	if r.text == "" {
		return nil
	}
	refuse := func(reason string) error {
		return wire.Errorf("InvalidParameterValue", "Value %s for parameter RedrivePolicy is invalid. Reason: %s", r.text, reason)
	}
	if _, ok := s.bus.Name(r.Target, "sqs", ""); !ok {
		return refuse("Invalid value for deadLetterTargetArn.")
	}
	dlq := s.byARN(r.Target)
	switch {
	case dlq == nil:
		return refuse("Dead letter target does not exist.")
	case dlq.settings.fifo != to.fifo:
		return refuse("Dead-letter queue must be same type of queue as the source.")
	case !dlq.settings.allow.admits(arn):
		return refuse("The dead-letter queue's redrive allow policy does not admit this source queue.")
	}
	return nil
}

// redriveAllow is a RedriveAllowPolicy: which queues may use this one as their
// dead-letter queue.
type redriveAllow struct {
	text       string
	Permission string   `json:"redrivePermission"`
	Sources    []string `json:"sourceQueueArns"`
}

func (a redriveAllow) admits(arn string) bool {
	switch a.Permission {
	case "denyAll":
		return false
	case "byQueue":
		return slices.Contains(a.Sources, arn)
	default:
		return true
	}
}

func setRedriveAllow(s *settings, text string) error {
	allow := redriveAllow{text: text}
	if text != "" {
		refuse := wire.Errorf("InvalidAttributeValue", "Invalid value for the parameter RedriveAllowPolicy. Reason: Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.")
		if json.Unmarshal([]byte(text), &allow) != nil {
			return refuse
		}
		byQueue := allow.Permission == "byQueue"
		if !byQueue && allow.Permission != "allowAll" && allow.Permission != "denyAll" ||
			byQueue != (len(allow.Sources) > 0) || len(allow.Sources) > 10 {
			return refuse
		}
	}
	s.allow = allow
	return nil
}
