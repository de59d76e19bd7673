package sns

import (
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/policy"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// keyUses are what a publisher to an encrypted topic does with its key
// ("Managing Amazon SNS encryption keys", SNS developer guide).
var keyUses = []string{"kms:GenerateDataKey", "kms:Decrypt"}

// admit refuses a publisher that may not publish to the topic: a service, or a
// role by its ARN. source is the ARN of what a service publishes for.
func (s *Service) admit(t *topic, by, source string) error {
	if strings.HasPrefix(by, "arn:") {
		return s.admitRole(t, by)
	}
	if source == "" {
		source = by
	}
	keys := map[string]string{"aws:sourceaccount": s.bus.Account, "aws:sourceowner": s.bus.Account, "aws:sourcearn": source}
	if allowed, _ := s.policySays(t, keys, func(p policy.Principals) bool { return p.Has("Service", by) || p.Has("AWS") }); !allowed {
		return unauthorized("Resource: %s is not authorized to perform: SNS:Publish on resource: %s", source, t.arn)
	}
	ref := t.attributes["KmsMasterKeyId"]
	for _, use := range keyUses {
		// The policy of SNS's own key names no service and can't be changed (trap 22).
		if ref != "" && (ownKey(ref) || !s.bus.Keys.ServiceMay(ref, by, use)) {
			if by == "cloudwatch.amazonaws.com" {
				return wire.Errorf("KMSAccessDeniedException", "CloudWatch Alarms does not have authorization to access the SNS topic encryption key.")
			}
			return noKey()
		}
	}
	return nil
}

// admitRole asks the role's policies first. Within an account the topic's own
// can let a role in too, and can keep it out.
func (s *Service) admitRole(t *topic, role string) error {
	keys := map[string]string{"aws:sourceowner": s.bus.Account, "aws:principalaccount": s.bus.Account, "aws:principalarn": role}
	allowed, denied := s.policySays(t, keys, func(p policy.Principals) bool { return p["AWS"] != nil && p.Has("AWS", role) || p.Has("*") })
	if named := allowed && t.attributes["Policy"] != ""; denied || !named && !s.bus.Roles.Allowed(role, "sns:Publish", t.arn) {
		return unauthorized("User: %s is not authorized to perform: SNS:Publish on resource: %s because no identity-based policy allows the SNS:Publish action", role, t.arn)
	}
	ref := t.attributes["KmsMasterKeyId"]
	if ref == "" || ownKey(ref) {
		return nil
	}
	if key, ok := s.bus.Keys.Key(ref); ok { // absent is another refusal
		for _, use := range keyUses {
			if !s.bus.Roles.Allowed(role, use, key.ARN) {
				return noKey()
			}
		}
	}
	return nil
}

// policySays reads the topic's policy, as it is about publishing and principals
// that concern the publisher.
func (s *Service) policySays(t *topic, keys map[string]string, concerns func(policy.Principals) bool) (allowed, denied bool) {
	p, err := policy.Parse(s.attribute(t, "Policy"))
	if err != nil {
		return false, false // not one that got past checkPolicy
	}
	for _, st := range p.Statement {
		if !concerns(st.Principal) || !st.Concerns("sns:Publish", t.arn) {
			continue
		}
		switch met, _ := st.Met(keys); {
		case st.Effect == "Deny" && met:
			return false, true
		case st.Effect == "Allow" && met:
			allowed = true
		}
	}
	return allowed, false
}

// ownKey says whether a key is the one that AWS manages for SNS.
func ownKey(ref string) bool { return strings.HasSuffix(ref, "alias/aws/sns") }

func unauthorized(format string, args ...any) error {
	return wire.Errorf("AuthorizationErrorException", format, args...)
}

func noKey() error {
	return wire.Errorf("KMSAccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
}

// Publish implements bus.Publisher. The error is a *wire.Error with AWS's code.
func (s *Service) Publish(by, topic string, n bus.Notification) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(topic)
	if err != nil {
		return "", err
	}
	if err := s.admit(t, by, n.Source); err != nil {
		return "", err
	}
	return s.accept(t, entryOf(n))
}
