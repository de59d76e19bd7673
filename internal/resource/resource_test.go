package resource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

func TestOwnership(t *testing.T) {
	o := resource.Owner{Project: "ccs", Environment: "prod", Extra: map[string]string{
		"Team":                  "data",
		resource.TagEnvironment: "stolen", // the configuration can't say whose a thing is
	}}
	tags := o.Tags()
	if !o.Owns(tags) || tags["Team"] != "data" {
		t.Errorf("its own tags %v are not its own", tags)
	}
	if o.Extra[resource.TagProject] != "" {
		t.Error("the configuration's map was written to")
	}
	for k := range o.Marks() {
		live := o.Tags()
		delete(live, k)
		if o.Owns(live) {
			t.Errorf("owned without %s", k)
		}
		live[k] = "other"
		if o.Owns(live) {
			t.Errorf("owned with another %s", k)
		}
	}
	if (resource.Owner{Project: "ccs", Environment: "test"}).Owns(tags) {
		t.Error("another environment owns it too")
	}

	live := map[string]string{"Team": "old", "theirs": "stays", resource.TagManagedBy: "ccsctl"}
	got := fmt.Sprint(o.DiffTags(live))
	want := "[{tags.Team old data false} {tags.ccsctl:environment  prod false} {tags.ccsctl:project  ccs false}]"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if diff := o.DiffTags(map[string]string{"Team": "data", "ccsctl:project": "ccs", "ccsctl:environment": "prod", "ccsctl:managed-by": "ccsctl", "more": ""}); diff != nil {
		t.Errorf("differs from itself in %v", diff)
	}
	// A tag that is there and empty is not one that is missing.
	empty := resource.Owner{Extra: map[string]string{"Team": ""}}
	if diff := empty.DiffTags(empty.Tags()); diff != nil {
		t.Errorf("an empty value differs from itself: %v", diff)
	}
	if diff := empty.DiffTags(empty.Marks()); len(diff) != 1 || diff[0].Name != "tags.Team" {
		t.Errorf("a missing tag with an empty value: %v", diff)
	}
}

func TestPollPacesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var notes []string
		ctx := resource.WithNotes(t.Context(), func(n string) { notes = append(notes, n) })
		start := time.Now()
		var at []time.Duration
		err := resource.Poll(ctx, "waiting for it", func(context.Context) (bool, error) {
			at = append(at, time.Since(start))
			return time.Since(start) > time.Minute, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if at[0] != 0 || at[5] <= time.Second {
			t.Errorf("begins at %v: AWS's strictest describe calls take 5 a second", at[:6])
		}
		for i := 2; i < len(at); i++ {
			if pause := at[i] - at[i-1]; pause < at[i-1]-at[i-2] || pause > 5*time.Second {
				t.Errorf("a pause of %v after one of %v", pause, at[i-1]-at[i-2])
			}
		}
		if len(at) > 30 {
			t.Errorf("asked %d times in a minute", len(at))
		}
		if !slices.Equal(notes, []string{"waiting for it"}) {
			t.Errorf("noted %q", notes)
		}

		notes = nil
		must(t, resource.Poll(ctx, "waiting for it", func(context.Context) (bool, error) { return true, nil }))
		if notes != nil {
			t.Errorf("noted %q though there was nothing to wait for", notes)
		}
	})
}

func TestPollEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		if err := resource.Poll(t.Context(), "", func(context.Context) (bool, error) { return false, broken }); !errors.Is(err, broken) {
			t.Errorf("got %v, want what ready said", err)
		}
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(enough) })
		start := time.Now()
		if err := resource.Poll(ctx, "", func(context.Context) (bool, error) { return false, nil }); !errors.Is(err, enough) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want the cause at once", err, time.Since(start))
		}
	})
}

func TestChangeAsJSON(t *testing.T) {
	c := resource.Change{
		Action:     resource.Replace,
		Reason:     "the partition key can't change",
		Attributes: []resource.Attribute{{Name: "key", Old: "a", New: "b", Replaces: true}},
		Steps:      []resource.Step{{Call: "x:Delete"}, {}, {Call: "x:Create"}},
	}
	text, err := json.Marshal(c)
	must(t, err)
	want := `{"action":"replace","reason":"the partition key can't change","attributes":[{"name":"key","old":"a","new":"b","replaces":true}],"calls":["x:Delete","x:Create"]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
