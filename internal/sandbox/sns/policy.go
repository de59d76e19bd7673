package sns

import (
	"encoding/json"
	"slices"
	"strings"

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
	var p struct {
		Statement []struct {
			Effect    string
			Principal any
			Action    any
			Resource  any
		}
	}
	if json.Unmarshal([]byte(text), &p) != nil || len(p.Statement) == 0 {
		return invalid("Policy Error: null")
	}
	for _, st := range p.Statement {
		if st.Effect != "Allow" && st.Effect != "Deny" || st.Principal == nil {
			return invalid("Policy Error: null")
		}
		for _, action := range list(st.Action) {
			name, ok := strings.CutPrefix(strings.ToLower(action), "sns:")
			if !ok || !slices.Contains(topicActions, name) {
				return invalid("Policy statement action out of service scope!")
			}
		}
		if r := list(st.Resource); len(r) != 1 || r[0] != t.arn {
			return invalid("Policy statement must apply to a single resource!")
		}
	}
	return nil
}

// list reads a JSON string or list of strings.
func list(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var texts []string
		for _, item := range v {
			text, _ := item.(string)
			texts = append(texts, text)
		}
		return texts
	default:
		return []string{""}
	}
}
