package lambda

import (
	"strings"
	"testing"
)

// Apart from the other refusals, because 50 MiB take their time on the wire.
func TestLoadRefusesALargeZip(t *testing.T) {
	if err := new(function).load(make([]byte, maxZipped+1)); err == nil || !strings.Contains(err.Error(), "Zipped size") {
		t.Errorf("got %v", err)
	}
}
