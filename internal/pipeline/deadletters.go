package pipeline

import (
	"fmt"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// DeadLetters is a queue of what the pipeline could not process, and whose
// failures are in it.
type DeadLetters struct {
	Name      string // what people call it: emergency, telemetry, stream-failures
	QueueName string // in AWS
	URL, ARN  string
	FIFO      bool

	// Source is what the messages did not get through: a queue or, for
	// stream-failures, the stream. The notices of the stream's failures say
	// which records failed and hold none of them.
	Source    string // its name in AWS
	SourceURL string // of a queue; "" for the stream
	SourceARN string
	Function  string // what reads the source, its name in AWS
}

// OfStream says whether the messages are notices of the stream's failures.
func (d DeadLetters) OfStream() bool { return d.SourceURL == "" }

// DeadLetters are all of the pipeline's, what is most urgent first.
func (p *Pipeline) DeadLetters() []DeadLetters {
	n := p.names
	behind := func(name, source, queue, function string) DeadLetters {
		return DeadLetters{
			Name: name, QueueName: n.name(queue), URL: n.queueURL(queue), ARN: n.queue(queue), FIFO: strings.HasSuffix(queue, ".fifo"),
			Source: n.name(source), SourceURL: n.queueURL(source), SourceARN: n.queue(source), Function: n.name(function),
		}
	}
	failures := behind("stream-failures", "telemetry", "stream-failures", "ingest")
	failures.SourceURL, failures.SourceARN = "", n.stream()
	return []DeadLetters{
		behind("emergency", "emergency.fifo", "emergency-dlq.fifo", "emergency"),
		behind("telemetry", "telemetry", "telemetry-dlq", "followup"),
		failures,
	}
}

// FindDeadLetters is the queue that a person means: by what it is called, by
// its source, or by its full name in AWS, and all of these without .fifo. Any
// other name is a fault of usage.
func (p *Pipeline) FindDeadLetters(name string) (DeadLetters, error) {
	all := p.DeadLetters()
	bare := strings.TrimSuffix(name, ".fifo")
	for _, d := range all {
		queue := strings.TrimSuffix(d.QueueName, ".fifo")
		if bare == d.Name || bare == queue || bare == strings.TrimPrefix(queue, p.names.base+"-") {
			return d, nil
		}
	}
	var known []string
	for _, d := range all {
		if !d.OfStream() && bare == strings.TrimSuffix(d.Source, ".fifo") {
			return DeadLetters{}, fault.As(fault.Usage, fmt.Errorf("%s is a working queue, not one of dead letters", name),
				fmt.Sprintf("its dead letters are called %s", d.Name))
		}
		known = append(known, d.Name)
	}
	hint := "one of " + strings.Join(known, ", ")
	if near := fault.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %s? There are %s", near, strings.Join(known, ", "))
	}
	return DeadLetters{}, fault.As(fault.Usage, fmt.Errorf("no queue of dead letters is called %q", name), hint)
}
