package resource

import (
	"maps"
	"slices"
	"time"
)

// The tags that say whose a thing is. There is no state file: these three are
// the whole of ownership.
const (
	TagProject     = "ccsctl:project"
	TagEnvironment = "ccsctl:environment"
	TagManagedBy   = "ccsctl:managed-by"
	managedBy      = "ccsctl"
)

// TagExpires says until when, in RFC 3339, a thing is needed that was made for a
// while only. It has no part in ownership.
const TagExpires = "ccsctl:expires"

// Owner is one project's environment, and the tags that all it owns carries.
type Owner struct {
	Project     string
	Environment string
	// Extra are the tags of the configuration. They are kept up to date but
	// have no part in ownership.
	Extra map[string]string
}

// Tags are all tags that a thing of this owner must carry.
func (o Owner) Tags() map[string]string {
	tags := maps.Clone(o.Extra)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, o.Marks())
	return tags
}

// Until is the same owner, of things that are needed until t only.
func (o Owner) Until(t time.Time) Owner {
	o.Extra = maps.Clone(o.Extra)
	if o.Extra == nil {
		o.Extra = map[string]string{}
	}
	o.Extra[TagExpires] = t.UTC().Format(time.RFC3339)
	return o
}

// Marks are the three tags of ownership.
func (o Owner) Marks() map[string]string {
	return map[string]string{TagProject: o.Project, TagEnvironment: o.Environment, TagManagedBy: managedBy}
}

// Owns reports whether a thing with these tags is this owner's.
func (o Owner) Owns(tags map[string]string) bool {
	for k, v := range o.Marks() {
		if tags[k] != v {
			return false
		}
	}
	return true
}

// DiffTags lists the wanted tags that are missing or different as attributes
// "tags.<key>", in key order. Tags that others put on the thing are left alone.
func (o Owner) DiffTags(live map[string]string) []Attribute {
	want := o.Tags()
	var diff []Attribute
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if old, ok := live[k]; !ok || old != want[k] {
			diff = append(diff, Attribute{Name: "tags." + k, Old: old, New: want[k]})
		}
	}
	return diff
}
