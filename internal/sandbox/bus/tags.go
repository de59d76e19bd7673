package bus

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Tags are the tags of one thing. nil is none.
type Tags map[string]string

// MaxTags is how many tags AWS lets one thing have, whatever its service.
const MaxTags = 50

// With is the tags together with those of add, which win. Neither is changed.
func (t Tags) With(add map[string]string) Tags {
	all := make(Tags, len(t)+len(add))
	maps.Copy(all, t)
	maps.Copy(all, add)
	return all
}

// Remove takes the tags with the keys away. Keys that are not there count as
// removed.
func (t Tags) Remove(keys []string) {
	for _, k := range keys {
		delete(t, k)
	}
}

// Keys are the tags' keys, sorted.
func (t Tags) Keys() []string { return slices.Sorted(maps.Keys(t)) }

// ReservedTag says whether a key is for AWS's own use: aws: in any case.
func ReservedTag(key string) bool { return strings.HasPrefix(strings.ToLower(key), "aws:") }

// TagText says whether a tag's key or value is made of what nearly every
// service takes: letters, digits, separators and _ . : / = + - @ (trap 36), and
// of what the service takes beside it.
func TagText(text, beside string) bool {
	return strings.IndexFunc(text, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.N, unicode.Z) && !strings.ContainsRune("_.:/=+-@", r) && !strings.ContainsRune(beside, r)
	}) < 0
}

// Tagged is one thing with its tags.
type Tagged struct {
	ARN  string
	Tags Tags
}

// ListTagged adds a source of tagged things, which the tagging API lists. It is
// called while the services are made, never later. The source calls add with
// everything that may have tags; add keeps a copy of them, of none nothing.
func (b *Bus) ListTagged(source func(add func(arn string, tags Tags))) {
	b.tagged = append(b.tagged, source)
}

// Tagged lists everything that has tags, by ARN.
func (b *Bus) Tagged() []Tagged {
	var all []Tagged
	for _, list := range b.tagged {
		list(func(arn string, tags Tags) {
			if len(tags) > 0 {
				all = append(all, Tagged{ARN: arn, Tags: maps.Clone(tags)})
			}
		})
	}
	slices.SortFunc(all, func(a, b Tagged) int { return cmp.Compare(a.ARN, b.ARN) })
	return all
}
