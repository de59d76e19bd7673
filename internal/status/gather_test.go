package status_test

import (
	"encoding/json"
	"testing"
	"time"
)

func TestHealthy(t *testing.T) {
	in(t, "fast", base, false, func(t *testing.T, w *world) {
		time.Sleep(5 * time.Second)
		s := w.once(w.gatherer(0))
		text, _ := json.MarshalIndent(s, "", " ")
		t.Logf("%s", text)

	})
}
