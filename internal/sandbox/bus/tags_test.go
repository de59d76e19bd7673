package bus_test

import (
	"fmt"
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// The pattern is the one that AWS's models give for tags where they give one.
func TestTagTextIsWhatTheModelsSay(t *testing.T) {
	model := regexp.MustCompile(`^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,3}`), rapid.StringMatching(`[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,9}`)).Draw(t, "text")
		if got, want := bus.TagText(text, ""), model.MatchString(text); got != want {
			t.Errorf("TagText(%q) = %v, the pattern says %v", text, got, want)
		}
	})
	if bus.TagText("100%", "") || !bus.TagText("100%", "%") {
		t.Error("a service's own characters")
	}
}

// Whoever lists the tags may keep them: a service changes its own.
func TestTaggedIsACopy(t *testing.T) {
	b := &bus.Bus{}
	tags := bus.Tags{"Team": "fleet"}
	b.ListTagged(func(add func(string, bus.Tags)) { add("arn:b", tags); add("arn:none", nil) })
	b.ListTagged(func(add func(string, bus.Tags)) { add("arn:a", bus.Tags{"k": "v"}) })
	before := b.Tagged()
	more := tags.With(map[string]string{"Team": "night", "Shift": "2"})
	tags.Remove([]string{"Team", "Nothing"})
	got := fmt.Sprint(before, tags, more, more.Keys())
	if want := "[{arn:a map[k:v]} {arn:b map[Team:fleet]}] map[] map[Shift:2 Team:night] [Shift Team]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
