package s3

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/policy"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func (s *Service) getPolicy(r *request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(r)
	if err != nil {
		return err
	}
	if b.policy == "" {
		return wire.Errorf("NoSuchBucketPolicy", "The bucket policy does not exist")
	}
	r.w.Header().Set("Content-Type", "application/json")
	_, _ = r.w.Write([]byte(b.policy)) // the client is gone when it fails
	return nil
}

func (s *Service) putPolicy(r *request) error {
	statements, err := parsePolicy(r.body, r.bucket)
	if err != nil {
		return err
	}
	return s.change(r, http.StatusNoContent, func(b *bucket) error {
		if b.block != nil && b.block.BlockPublicPolicy && slices.ContainsFunc(statements, public) {
			return wire.Errorf("AccessDenied", "User is not authorized to perform: s3:PutBucketPolicy on resource because public policies are blocked by the BlockPublicPolicy block public access setting.")
		}
		b.policy = rewritten(r.body)
		return nil
	})
}

func (s *Service) deletePolicy(r *request) error {
	return s.change(r, http.StatusNoContent, func(b *bucket) error { b.policy = ""; return nil })
}

// parsePolicy refuses what S3 calls malformed ("Bucket policies", S3 guide).
func parsePolicy(body []byte, bucket string) (policy.Statements, error) {
	bad := func(text string) error { return wire.Errorf("MalformedPolicy", "%s", text) }
	if len(body) > 20<<10 {
		return nil, wire.Errorf("PolicyTooLarge", "Policy exceeds the maximum allowed document size of 20480")
	}
	p, err := policy.Parse(string(body))
	if err != nil {
		return nil, bad("Policies must be valid JSON and the first byte must be '{'")
	}
	if len(p.Statement) == 0 {
		return nil, bad("Could not parse the policy: Statement is empty!")
	}
	for _, st := range p.Statement {
		switch {
		case st.Effect != "Allow" && st.Effect != "Deny":
			return nil, bad("Invalid effect: " + st.Effect)
		case st.Principal == nil && st.NotPrincipal == nil:
			return nil, bad("Missing required field Principal")
		case st.Action == nil && st.NotAction == nil:
			return nil, bad("Missing required field Action")
		case st.Resource == nil && st.NotResource == nil:
			return nil, bad("Missing required field Resource")
		case slices.ContainsFunc(st.Action, func(a string) bool { return a != "*" && !strings.HasPrefix(strings.ToLower(a), "s3:") }):
			return nil, bad("Policy has invalid action")
		case slices.ContainsFunc(st.Resource, func(res string) bool { return res != arn(bucket) && !strings.HasPrefix(res, arn(bucket)+"/") }):
			return nil, bad("Policy has invalid resource")
		}
	}
	return p.Statement, nil
}

// public says whether a statement opens the bucket to everybody. Any condition
// is taken for one that narrows it; S3 looks closer.
func public(st policy.Statement) bool {
	return st.Effect == "Allow" && len(st.Condition) == 0 && st.Principal.Has("AWS")
}

// rewritten is the policy as S3 gives it back: the same meaning, lists of one
// as single values.
func rewritten(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return string(body)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return string(body)
	}
	statements, _ := m["Statement"].([]any)
	for _, st := range statements {
		if fields, ok := st.(map[string]any); ok {
			for name, value := range fields {
				if list, ok := value.([]any); ok && len(list) == 1 {
					fields[name] = list[0]
				}
			}
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return string(body)
	}
	return string(text)
}

var _ http.Handler = (*Service)(nil)
