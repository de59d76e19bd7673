package sns

import (
	"slices"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/policy"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// topicActions are what a topic's policy can speak of. Wildcards are not among
// them.
var topicActions = []string{
	"gettopicattributes", "settopicattributes", "addpermission", "removepermission", "deletetopic",
	"subscribe", "listsubscriptionsbytopic", "publish", "receive", "getdataprotectionpolicy", "putdataprotectionpolicy",
}

// checkPolicy refuses what is no policy, or one for another topic. An empty one
// brings the default back.
func (t *topic) checkPolicy(text string) *wire.Error {
	if text == "" {
		return nil
	}
	p, err := policy.Parse(text)
	if err != nil || len(p.Statement) == 0 {
		return invalid("Policy Error: null")
	}
	for _, st := range p.Statement {
		if st.Effect != "Allow" && st.Effect != "Deny" || st.Principal == nil {
			return invalid("Policy Error: null")
		}
		if len(st.Action) == 0 {
			return invalid("Policy statement action out of service scope!")
		}
		for _, action := range st.Action {
			name, ok := strings.CutPrefix(strings.ToLower(action), "sns:")
			if !ok || !slices.Contains(topicActions, name) {
				return invalid("Policy statement action out of service scope!")
			}
		}
		if len(st.Resource) != 1 || st.Resource[0] != t.arn {
			return invalid("Policy statement must apply to a single resource!")
		}
	}
	return nil
}
