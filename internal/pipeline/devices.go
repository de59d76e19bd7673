package pipeline

import "github.com/ccs-platform/ccsctl/internal/aws/stream"

// Devices writes into the pipeline's stream as devices do. The stream need not
// be there yet.
func (p *Pipeline) Devices() *stream.Writer {
	return stream.NewWriter(p.settings.AWS, p.names.name("telemetry"))
}
