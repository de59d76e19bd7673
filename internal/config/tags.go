package config

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tagRules is what each service takes in a tag beside letters, digits and
// spaces. Firehose, IAM, Lambda and Logs state it in their API models, the
// others on their pages about tagging. CloudWatch and Glue state no limit, so
// they refuse nothing here (trap 36).
var tagRules = []struct{ service, signs string }{
	{"Kinesis", commonSigns}, {"SQS", commonSigns}, {"SNS", commonSigns}, {"Firehose", commonSigns + "%"}, {"Lambda", commonSigns},
	{"Step Functions", commonSigns}, {"S3", commonSigns}, {"IAM", commonSigns}, {"KMS", commonSigns}, {"CloudWatch Logs", commonSigns},
}

const (
	commonSigns = "_.:/=+-@"
	maxTags     = 50
	ownTags     = 3 // ccsctl:project, ccsctl:environment, ccsctl:managed-by
)

func (c checker) tags() {
	if !c.sound("tags") {
		return
	}
	if n := len(c.Tags); n > maxTags-ownTags {
		c.wrong("tags", "%d tags are too many: AWS takes %d, of which ccsctl sets %d itself", n, maxTags, ownTags)
	}
	folded := map[string]string{}
	for _, name := range sorted(c.Tags) {
		key := "tags." + name
		lower := strings.ToLower(name)
		if twin, ok := folded[lower]; ok {
			c.wrong(key, "differs from tags.%s only in case, and IAM takes the two for one", twin)
		}
		folded[lower] = name
		switch {
		case name == "":
			c.wrong("tags", "a tag without a name: every service refuses it")
		case strings.HasPrefix(lower, "aws:"), strings.HasPrefix(lower, "ccsctl:"):
			prefix, _, _ := strings.Cut(lower, ":")
			c.wrong(key, "names that begin with %s: are %s's own", prefix, map[string]string{"aws": "AWS", "ccsctl": "ccsctl"}[prefix])
		}
		c.tagText(key, "the name", name, 128)
		c.tagText(key, fmt.Sprintf("%q", c.Tags[name]), c.Tags[name], 256)
	}
}

// tagText tells what is wrong with a name or a value: who refuses it and why.
func (c checker) tagText(key, what, s string, most int) {
	if n := utf8.RuneCountInString(s); n > most {
		c.wrong(key, "%d characters are too many: every service takes at most %d in a tag's %s", n, most,
			map[int]string{128: "name", 256: "value"}[most])
		return
	}
	var bad, services []string
	for _, r := range tagRules {
		refused := refusedSigns(s, r.signs)
		if refused == nil {
			continue
		}
		services = append(services, r.service)
		if len(refused) > len(bad) {
			bad = refused
		}
	}
	if bad != nil {
		c.wrong(key, "%s has %s, refused by %s; safe are letters, digits, spaces and _ . : / = + - @",
			what, strings.Join(bad, " "), strings.Join(services, ", "))
	}
}

func refusedSigns(s, signs string) []string {
	var out []string
	seen := map[rune]bool{}
	for _, r := range s {
		if unicode.In(r, unicode.L, unicode.N, unicode.Z) || strings.ContainsRune(signs, r) || seen[r] {
			continue
		}
		seen[r] = true
		out = append(out, fmt.Sprintf("%q", r))
	}
	return out
}
