package pipeline

import "github.com/ccs-platform/ccsctl/internal/aws/stream"

// Devices writes into the pipeline's stream as devices do. The stream need not
// be there yet.
func (p *Pipeline) Devices() *stream.Writer {
	return stream.NewWriter(p.settings.AWS, p.names.name("telemetry"))
}

// StreamSize is a number of shards of the pipeline's stream.
func (p *Pipeline) StreamSize(shards int) stream.SizeSpec {
	return stream.SizeSpec{Name: "telemetry", StreamName: p.names.name("telemetry"), Shards: shards, Owner: p.owner}
}

// StreamARN names the pipeline's stream. Nothing is asked by it (trap 40).
func (p *Pipeline) StreamARN() string { return p.names.stream() }
