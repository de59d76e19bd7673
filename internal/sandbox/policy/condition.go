package policy

import (
	"slices"
	"strings"
)

// Met evaluates the statement's conditions with the given keys, whose names are
// in lower case. unknown says that some depend on a key or operator that the
// sandbox does not have; met is then about the rest.
func (st Statement) Met(keys map[string]string) (met, unknown bool) {
	for operator, tests := range st.Condition {
		for key, wanted := range tests {
			value, ok := keys[strings.ToLower(key)]
			if !ok && !concerned(key) {
				unknown = true
				continue
			}
			test, known := operators[strings.TrimSuffix(operator, "IfExists")]
			switch {
			case !known:
				unknown = true
			case !ok:
				// A key that is not in the request meets only the negative
				// operators and those that allow for it.
				if !strings.HasSuffix(operator, "IfExists") && !strings.Contains(operator, "Not") {
					return false, unknown
				}
			case !test(wanted, value):
				return false, unknown
			}
		}
	}
	return true, unknown
}

// concerned says whether a key's absence is a fact and not our ignorance.
func concerned(key string) bool {
	return slices.Contains([]string{"aws:sourceaccount", "aws:sourcearn", "sts:externalid"}, strings.ToLower(key))
}

// operators are the string operators of policies. Several wanted values are
// alternatives.
var operators = map[string]func(wanted Words, value string) bool{
	"StringEquals":    func(w Words, v string) bool { return slices.Contains(w, v) },
	"StringNotEquals": func(w Words, v string) bool { return !slices.Contains(w, v) },
	"StringEqualsIgnoreCase": func(w Words, v string) bool {
		return slices.ContainsFunc(w, func(x string) bool { return strings.EqualFold(x, v) })
	},
	"StringLike":    func(w Words, v string) bool { return w.match(v) },
	"StringNotLike": func(w Words, v string) bool { return !w.match(v) },
	"ArnEquals":     matchARN, // the same as ArnLike, says the guide
	"ArnLike":       matchARN,
	"ArnNotEquals":  func(w Words, v string) bool { return !matchARN(w, v) },
	"ArnNotLike":    func(w Words, v string) bool { return !matchARN(w, v) },
}

// matchARN compares the six parts of ARNs one by one, so that no wildcard
// reaches over a colon into another part.
func matchARN(wanted Words, value string) bool {
	parts := strings.SplitN(value, ":", 6)
	return slices.ContainsFunc(wanted, func(pattern string) bool {
		patterns := strings.SplitN(pattern, ":", 6)
		if len(patterns) != len(parts) {
			return false
		}
		for i, p := range patterns {
			if !match(p, parts[i]) {
				return false
			}
		}
		return true
	})
}
