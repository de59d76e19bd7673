package iam

import (
	"slices"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/policy"
)

// spreading is a value whose changes are not known everywhere at once.
type spreading[T any] struct{ versions []version[T] }

type version[T any] struct {
	value T
	since time.Time
}

func (s *spreading[T]) set(v T) {
	s.versions = append(s.versions, version[T]{v, time.Now()})
}

// now is the newest value, which IAM itself shows at once.
func (s *spreading[T]) now() T { return s.versions[len(s.versions)-1].value }

// known is the newest value that is older than delay. ok is false when there
// is none yet.
func (s *spreading[T]) known(delay time.Duration) (value T, ok bool) {
	for i, v := range slices.Backward(s.versions) {
		if time.Since(v.since) >= delay {
			s.versions = s.versions[i:] // older ones are forgotten
			return v.value, true
		}
	}
	return value, false
}

// Assume implements bus.Roles. The conditions of the trust policy see
// aws:SourceAccount and aws:SourceArn when source is not "", and sts:ExternalId,
// the account's number, when Firehose asks. A condition on any other key is not
// met.
func (s *Service) Assume(arn, service, source string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byARN(arn)
	if r == nil {
		return bus.Refused
	}
	keys := map[string]string{}
	if source != "" {
		keys["aws:sourcearn"], keys["aws:sourceaccount"] = source, accountOf(source)
	}
	if service == "firehose.amazonaws.com" {
		keys["sts:externalid"] = s.bus.Account
	}
	c := caller{service: service, keys: keys}
	trust, ok := r.trust.known(s.bus.Timing.RoleSpread)
	switch {
	case !ok:
		return bus.NotSpread
	case c.trusted(trust):
		return nil
	case c.trusted(r.trust.now()):
		return bus.NotSpread
	default:
		return bus.Refused
	}
}

// Allowed implements bus.Roles. It reads the policies as they have spread:
// an explicit Deny wins, a boundary caps. Conditions see the account and region
// of the resource and the account of the role; those on other keys depend on
// more than the question says (kms:ViaService), so an Allow is taken as if they
// were met and a Deny as if they were not.
func (s *Service) Allowed(arn, action, resource string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byARN(arn)
	if r == nil {
		return false
	}
	g, ok := r.grants.known(s.bus.Timing.RoleSpread)
	if !ok {
		return false
	}
	q := request{action: action, resource: resource, keys: map[string]string{
		"aws:resourceaccount": accountOf(resource), "aws:principalaccount": s.bus.Account, "aws:requestedregion": s.bus.Region, "aws:principalarn": arn,
	}}
	if g.boundary != "" && !s.ours(g.boundary) && !q.allowed(s.read(documentOf(g.boundary))) {
		return false
	}
	var docs []policy.Document
	for _, doc := range g.inline {
		docs = append(docs, s.read(doc))
	}
	for _, arn := range g.attached {
		if !s.ours(arn) {
			docs = append(docs, s.read(documentOf(arn)))
		}
	}
	return q.allowed(docs...)
}

// read reads a policy, each once: pollers ask for every batch. One that can't be
// read says nothing; it did not get past checkIdentity.
func (s *Service) read(text string) policy.Document {
	d, ok := s.documents[text]
	if !ok {
		const many = 1000 // more than all roles have, so most of them are old
		if len(s.documents) >= many {
			clear(s.documents)
		}
		d, _ = policy.Parse(text)
		s.documents[text] = d
	}
	return d
}

func documentOf(arn string) string { return managed[strings.TrimPrefix(arn, awsPolicies)] }

func (s *Service) byARN(arn string) *role {
	r := s.roles[strings.ToLower(arn[strings.LastIndexByte(arn, '/')+1:])]
	if r == nil || s.arn(r) != arn {
		return nil
	}
	return r
}

func accountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// caller is an AWS service that wants to act as a role.
type caller struct {
	service string
	keys    map[string]string
}

func (c caller) trusted(trust string) bool {
	d, err := policy.Parse(trust)
	if err != nil {
		return false
	}
	allowed := false
	for _, st := range d.Statement {
		if !st.Does("sts:AssumeRole") || !st.Principal.Has("Service", c.service) {
			continue
		}
		met, unknown := st.Met(c.keys)
		switch {
		case st.Effect == "Deny" && met:
			return false
		case st.Effect == "Allow" && met && !unknown:
			allowed = true
		}
	}
	return allowed
}

// request is one thing that a role wants to do.
type request struct {
	action   string
	resource string
	keys     map[string]string
}

func (q request) allowed(docs ...policy.Document) bool {
	allowed := false
	for _, d := range docs {
		for _, st := range d.Statement {
			if !st.Concerns(q.action, q.resource) {
				continue
			}
			met, unknown := st.Met(q.keys)
			switch {
			case st.Effect == "Deny" && met && !unknown:
				return false
			case st.Effect == "Allow" && met:
				allowed = true
			}
		}
	}
	return allowed
}
