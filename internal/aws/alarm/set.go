package alarm

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Set reads alarms whose names begin alike in one go: CloudWatch allows an
// account nine DescribeAlarms a second (trap 38), and a pipeline has more
// alarms than that.
type Set struct {
	cw     *cloudwatch.Client
	prefix string

	mu   sync.Mutex
	last *reading
}

// fresh is how long a reading may serve those who have not had it yet.
const fresh = 10 * time.Second

// reading is one listing of the set's alarms, done or under way.
type reading struct {
	begun  time.Time
	served map[string]bool // alarms that have had their answer from it
	done   chan struct{}   // closed when what follows is set
	alarms map[string]types.MetricAlarm
	err    error
}

// NewSet is the alarms of the account of cfg whose names begin with prefix.
func NewSet(cfg aws.Config, prefix string) *Set {
	return &Set{cw: cloudwatch.NewFromConfig(cfg), prefix: prefix}
}

// find reads one alarm; ok=false is no such alarm. Alarms asked for together
// share one reading, but no alarm gets the same reading twice: who asks again
// wants to know what has changed since.
func (s *Set) find(ctx context.Context, name string) (a types.MetricAlarm, ok bool, err error) {
	s.mu.Lock()
	r := s.last
	mine := r == nil || r.served[name] || time.Since(r.begun) > fresh
	if mine {
		r = &reading{begun: time.Now(), served: map[string]bool{}, done: make(chan struct{})}
		s.last = r
	}
	r.served[name] = true
	s.mu.Unlock()
	if mine {
		if r.alarms, r.err = s.list(ctx); r.err != nil {
			s.forget(r)
		}
		close(r.done)
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return a, false, context.Cause(ctx)
	}
	a, ok = r.alarms[name]
	return a, ok, r.err
}

// forget drops a reading that failed: only those who waited for it share its
// error.
func (s *Set) forget(r *reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == r {
		s.last = nil
	}
}

func (s *Set) list(ctx context.Context) (map[string]types.MetricAlarm, error) {
	alarms := map[string]types.MetricAlarm{}
	pages := cloudwatch.NewDescribeAlarmsPaginator(s.cw, &cloudwatch.DescribeAlarmsInput{
		AlarmNamePrefix: &s.prefix,
		AlarmTypes:      []types.AlarmType{types.AlarmTypeMetricAlarm},
		MaxRecords:      aws.Int32(100),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.MetricAlarms {
			alarms[aws.ToString(a.AlarmName)] = a
		}
	}
	return alarms, nil
}
