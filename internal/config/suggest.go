package config

import (
	"strings"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return "; did you mean " + name + "?"
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
	if found := fault.Nearest(name, near); found != "" {
		return found
	}
	return fault.Nearest(name, all)
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
	if found := fault.Nearest(strings.TrimPrefix(name, envPrefix), known); found != "" {
		return envPrefix + found
	}
	return ""
}
