package fault

import (
	"strings"

	"github.com/agext/levenshtein"
)

// Nearest is the candidate that name was probably meant to be, or "" when none
// is like it.
func Nearest(name string, candidates []string) string {
	best, least := "", 1+max(2, len(name)/2)
	for _, c := range candidates {
		if d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(c), nil); d < least {
			best, least = c, d
		}
	}
	return best
}
