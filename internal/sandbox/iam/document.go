package iam

import (
	"slices"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/policy"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

func malformed(format string, args ...any) error {
	return wire.Errorf("MalformedPolicyDocumentException", format, args...)
}

// check refuses what every kind of policy must not be.
func check(d policy.Document) error {
	if d.Version != "" && d.Version != "2012-10-17" && d.Version != "2008-10-17" {
		return malformed("The policy must contain a valid version string")
	}
	if len(d.Statement) == 0 {
		return malformed("Missing required field Statement")
	}
	var sids []string
	for _, st := range d.Statement {
		if st.Effect != "Allow" && st.Effect != "Deny" {
			return malformed("Invalid effect: %s", st.Effect)
		}
		if len(st.Action) == 0 && len(st.NotAction) == 0 {
			return malformed("Policy statement must contain actions.")
		}
		for _, a := range slices.Concat(st.Action, st.NotAction) {
			if service, _, ok := strings.Cut(a, ":"); a != "*" && (!ok || service == "") {
				return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
			}
		}
		if st.Sid != "" && slices.Contains(sids, st.Sid) {
			return malformed("Statement IDs (SID) in a single policy must be unique.")
		}
		sids = append(sids, st.Sid)
	}
	return nil
}

// checkTrust refuses a document that can't be a role's trust policy.
func checkTrust(text string) error {
	d, err := policy.Parse(text)
	if err != nil {
		return malformed("This policy contains invalid Json")
	}
	if err := check(d); err != nil {
		return err
	}
	for _, st := range d.Statement {
		switch {
		case st.Resource != nil || st.NotResource != nil:
			return malformed("Has prohibited field Resource")
		case st.Principal == nil && st.NotPrincipal == nil:
			return malformed("Missing required field Principal")
		}
		for _, a := range st.Action {
			if !strings.HasPrefix(strings.ToLower(a), "sts:") {
				return malformed("AssumeRole policy may only specify STS AssumeRole actions.")
			}
		}
		for kind, who := range st.Principal {
			if !slices.Contains([]string{"*", "AWS", "Service", "Federated", "CanonicalUser"}, kind) || len(who) == 0 {
				return malformed("Invalid principal in policy: %q", kind)
			}
			for _, service := range who {
				if kind == "Service" && !strings.HasSuffix(service, ".amazonaws.com") {
					return malformed("Invalid principal in policy: \"SERVICE\":%q", service)
				}
			}
		}
	}
	if size(text) > maxTrust {
		return wire.Errorf("LimitExceededException", "Cannot exceed quota for ACLSizePerRole: %d", maxTrust)
	}
	return nil
}

// checkIdentity refuses a document that can't be a role's own policy.
func checkIdentity(text string) error {
	d, err := policy.Parse(text)
	if err != nil {
		return malformed("Syntax errors in policy.")
	}
	if err := check(d); err != nil {
		return err
	}
	for _, st := range d.Statement {
		if st.Principal != nil || st.NotPrincipal != nil {
			return malformed("Policy document should not specify a principal.")
		}
		if len(st.Resource) == 0 && len(st.NotResource) == 0 {
			return malformed("Policy statement must contain resources.")
		}
		for _, r := range slices.Concat(st.Resource, st.NotResource) {
			if r != "*" && strings.Count(r, ":") < 5 {
				return malformed("Resource %s must be in ARN format or \"*\".", r)
			}
		}
	}
	return nil
}
