package cmd

import (
	"errors"
	"testing"

	"github.com/ccs-platform/ccsctl/internal/aws/mapping"
	"github.com/ccs-platform/ccsctl/internal/deadletter"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
	"github.com/ccs-platform/ccsctl/internal/status"
)

// Whoever reads "none" goes and looks for the mapping that is gone: it must be
// said when that is known, also beside other trouble, and only then.
func TestDLQListTellsNoneFromUnknown(t *testing.T) {
	denied := errors.New("denied")
	for name, x := range map[string]struct {
		state deadletter.State
		want  string
	}{
		"fed":                              {deadletter.State{Consumer: &mapping.State{State: "Enabled"}}, "ingest enabled"},
		"disabled, and another read fails": {deadletter.State{Consumer: &mapping.State{State: "Disabled"}, Errs: []error{denied}}, "ingest disabled"},
		"nothing feeds it":                 {deadletter.State{}, "ingest none"},
		"the same, and another read fails": {deadletter.State{Errs: []error{denied}}, "ingest none"},
		"that could not be read":           {deadletter.State{Errs: []error{denied}, ConsumerErr: denied}, status.None},
	} {
		v := dlqListView{Queues: []dlqRow{newDLQRow(pipeline.DeadLetters{Name: "telemetry", Function: "ingest"}, x.state)}}
		if got := v.Rows()[0][5]; got != x.want {
			t.Errorf("%s: the consumer is %q, want %q", name, got, x.want)
		}
	}
}
