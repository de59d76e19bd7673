package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// Topic is one of the pipeline's topics.
type Topic struct {
	Name string // within the pipeline: alarms
	ARN  string
}

// Topics are all that there are; the last, alarms, is that of the engineers.
func (p *Pipeline) Topics() []Topic {
	var all []Topic
	for _, name := range topicNames {
		all = append(all, Topic{Name: name, ARN: p.names.topic(name)})
	}
	return all
}

// TopicNames are the names of all topics, which need no configuration.
func TopicNames() []string { return slices.Clone(topicNames) }

// FindTopic is the topic of that name, within the pipeline or in AWS. Any other
// name is a fault of usage that lists the names there are.
func (p *Pipeline) FindTopic(name string) (Topic, error) {
	for _, t := range p.Topics() {
		if name == t.Name || name == t.ARN[strings.LastIndexByte(t.ARN, ':')+1:] {
			return t, nil
		}
	}
	return Topic{}, fault.As(fault.Usage, fmt.Errorf("no topic %q", name), "name one of "+strings.Join(topicNames, ", "))
}
