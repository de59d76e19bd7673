package inbox

import (
	"context"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/sweep"
	"github.com/ccs-platform/ccsctl/internal/aws/topic"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Sweep takes away the inboxes that runs have left behind that were killed, from
// all topics, and tells their ARNs. It is worth no error: what it can't see or
// take away is left for the next.
func (s *Site) Sweep(ctx context.Context, now time.Time) []string {
	swept := []string{}
	old := func(arn string) bool { return s.Made(arn) && s.madeAt(arn).Before(now.Add(-Life)) }
	for _, arn := range s.Topics {
		if removeFrom(ctx, topic.AudienceOf(s.AWS, arn), old, func(arn string) { swept = append(swept, arn) }) != nil {
			return swept // a queue goes after its subscription
		}
	}
	expired, err := sweep.New(s.AWS, s.Owner).Expired(ctx, now)
	if err != nil {
		return swept
	}
	for _, arn := range expired {
		if !old(arn) {
			continue
		}
		thing := s.NewQueue(last(arn), "", now)
		if strings.Contains(arn, ":sns:") {
			thing, _ = s.NewTopic(last(arn), now)
		}
		c, err := thing.Removal(ctx)
		if err == nil && c.Action == resource.Delete && unmake(ctx, thing) == nil {
			swept = append(swept, arn)
		}
	}
	return swept
}

// Made reports whether an ARN is of something that was made here.
func (s *Site) Made(arn string) bool { return !s.madeAt(arn).IsZero() }

// madeAt is when something was made here, by its name; zero for everything else.
func (s *Site) madeAt(arn string) time.Time {
	mark, ok := strings.CutPrefix(last(arn), s.Prefix)
	if !ok || len(mark) < len(markTime) {
		return time.Time{}
	}
	at, err := time.Parse(markTime, mark[:len(markTime)])
	if err != nil {
		return time.Time{}
	}
	return at
}

// last is the name in an ARN.
func last(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }
