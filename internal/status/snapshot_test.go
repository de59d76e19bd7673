package status

import (
	"encoding/json"
	"strings"
	"testing"
)

// Nobody who reads the JSON can take what is not known for a zero.
func TestUnknownIsNull(t *testing.T) {
	text, err := json.Marshal([]Measure{{Unit: Seconds}, {Value: new(0.0), Unit: Seconds, Severity: OK}})
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"value":null,"unit":"s","severity":"unknown"},{"value":0,"unit":"s","severity":"ok"}]`; string(text) != want {
		t.Errorf("got %s\nwant %s", text, want)
	}
	var back []Measure
	if err := json.Unmarshal(text, &back); err != nil || back[0].Known() || !back[1].Known() || back[1].Severity != OK {
		t.Errorf("read back: %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"severity":"fine"}`), new(Measure)); err == nil || !strings.Contains(err.Error(), `"fine"`) {
		t.Errorf("a word that is no severity: %v", err)
	}
}
