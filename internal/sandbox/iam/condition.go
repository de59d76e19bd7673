package iam

import (
	"slices"
	"strings"
)

// met evaluates a statement's conditions with the given keys, whose names are
// in lower case. unknown says that some depend on a key or operator that the
// sandbox does not have; met is then about the rest.
func (st statement) met(keys map[string]string) (met, unknown bool) {
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
var operators = map[string]func(wanted words, value string) bool{
	"StringEquals":    func(w words, v string) bool { return slices.Contains(w, v) },
	"StringNotEquals": func(w words, v string) bool { return !slices.Contains(w, v) },
	"StringEqualsIgnoreCase": func(w words, v string) bool {
		return slices.ContainsFunc(w, func(x string) bool { return strings.EqualFold(x, v) })
	},
	"StringLike":    func(w words, v string) bool { return matchAny(w, v, false) },
	"StringNotLike": func(w words, v string) bool { return !matchAny(w, v, false) },
	"ArnEquals":     matchARN, // the same as ArnLike, says the guide
	"ArnLike":       matchARN,
	"ArnNotEquals":  func(w words, v string) bool { return !matchARN(w, v) },
	"ArnNotLike":    func(w words, v string) bool { return !matchARN(w, v) },
}

// matchARN compares the six parts of ARNs one by one, so that no wildcard
// reaches over a colon into another part.
func matchARN(wanted words, value string) bool {
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

func matchAny(patterns []string, text string, fold bool) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if fold {
			return match(strings.ToLower(p), strings.ToLower(text))
		}
		return match(p, text)
	})
}

// match compares text with a pattern in which * is any text and ? any one
// character. It looks back to the last star only, which is enough.
func match(pattern, text string) bool {
	p, t := 0, 0
	star, from := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
