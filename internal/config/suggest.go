package config

import (
	"strings"

	"github.com/agext/levenshtein"
)

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return "; did you mean " + name + "?"
}

// nearest is the candidate that name was probably meant to be, or "".
func nearest(name string, candidates []string) string {
	best, least := "", 1+max(2, len(name)/2)
	for _, c := range candidates {
		if d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(c), nil); d < least {
			best, least = c, d
		}
	}
	return best
}

// nearestKey looks for the same word in other groups, since a key is often
// right but misplaced, then among its neighbours, then everywhere.
func nearestKey(name string) string {
	prefix, last := "", name
	if i := strings.LastIndex(name, "."); i >= 0 {
		prefix, last = name[:i+1], name[i+1:]
	}
	near, all := []string{}, []string{}
	for _, k := range keys {
		if strings.HasSuffix(k.name, "."+last) {
			return k.name
		}
		if rest, ok := strings.CutPrefix(k.name, prefix); ok {
			first, _, _ := strings.Cut(rest, ".")
			near = append(near, prefix+first)
		}
		all = append(all, k.name)
	}
	if prefix == "" {
		near = append(near, overlays)
	}
	if found := nearest(name, near); found != "" {
		return found
	}
	return nearest(name, all)
}

// nearestEnv compares without the prefix, which would make all names similar.
func nearestEnv(name string) string {
	var known []string
	for _, k := range keys {
		if k.kind.scalar() {
			known = append(known, strings.TrimPrefix(k.env(), envPrefix))
		}
	}
	for _, c := range commandEnv {
		known = append(known, strings.TrimPrefix(c, envPrefix))
	}
	if found := nearest(strings.TrimPrefix(name, envPrefix), known); found != "" {
		return envPrefix + found
	}
	return ""
}
