package cloudwatch

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// What one GetMetricData may ask for (API ref GetMetricData).
const (
	mostQueries    = 500
	mostDatapoints = 100_800
)

func (s *Service) getMetricData(_ context.Context, in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
	most := mostDatapoints
	if in.MaxDatapoints != nil {
		most = int(*in.MaxDatapoints)
	}
	switch {
	case len(in.MetricDataQueries) == 0:
		return nil, invalid("The collection MetricDataQueries must not be empty.")
	case len(in.MetricDataQueries) > mostQueries:
		return nil, invalid("The collection MetricDataQueries must not have a size greater than %d.", mostQueries)
	case !in.StartTime.Before(*in.EndTime):
		return nil, invalid("The parameter StartTime must be less than the parameter EndTime.")
	case most < 1 || most > mostDatapoints:
		return nil, invalid("The value %d for parameter MaxDatapoints is invalid: it must be between 1 and %d.", most, mostDatapoints)
	}
	if err := checkQueries(in.MetricDataQueries, readablePeriod); err != nil {
		return nil, err
	}
	from := token{now: time.Now().Unix()}
	if in.NextToken != nil {
		var err error
		if from, err = parseToken(*in.NextToken); err != nil {
			return nil, err
		}
	}
	asked := &scope{queries: in.MetricDataQueries, read: func(m *types.MetricStat) series {
		return s.metrics.read(m, in.StartTime.Unix(), in.EndTime.Unix(), from.now)
	}}
	p := &pager{token: from, most: most, descending: in.ScanBy != types.ScanByTimestampAscending}
	for i := range asked.queries {
		q := &asked.queries[i]
		all, err := asked.result(q)
		if err != nil {
			return nil, err
		}
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		for _, found := range all {
			p.add(*q.Id, found)
		}
	}
	out := &cloudwatch.GetMetricDataOutput{MetricDataResults: p.results}
	if p.more {
		out.NextToken = aws.String(token{from.now, from.given + most}.String())
	}
	return out, nil
}

// read reads a metric in whole periods that begin at multiples of the period.
// Those that begin before the minute of start are not in it.
func (s *store) read(m *types.MetricStat, start, end, now int64) series {
	step := int64(*m.Period)
	first := start - start%minute
	w := window{from: first + (step-first%step)%step, to: min(end, now), step: step}
	found := series{window: w}
	data := s.look(m.Metric, m.Unit)
	if data == nil || step < minute {
		return found // nothing here is measured in less than minutes
	}
	for _, sample := range data.shown(w, now, s.lag) {
		if v, ok := statistic(sample.Samples, *m.Stat); ok {
			found.points = append(found.points, point{sample.at, v})
		}
	}
	return found
}

// readablePeriod says whether data can be asked for in such periods.
func readablePeriod(seconds int32) error {
	if seconds == 1 || seconds == 5 || checkPeriod(seconds) == nil {
		return nil
	}
	return invalid("Period must be 1, 5, 10, 20, 30 or a multiple of 60")
}

// checkQueries checks what queries have to be by themselves.
func checkQueries(queries []types.MetricDataQuery, period func(int32) error) error {
	ids := map[string]bool{}
	for _, q := range queries {
		id := *q.Id
		switch {
		case !queryID().MatchString(id):
			return invalid("The value %s for parameter Id is invalid: it must begin with a lower-case letter and hold letters, digits and underscores only.", id)
		case ids[id]:
			return invalid("The values for parameter Id in the Metrics list must be unique: %s", id)
		case (q.Expression == nil) == (q.MetricStat == nil):
			return invalid("Exactly one of Expression and MetricStat must be set for Id %s.", id)
		}
		ids[id] = true
		m := q.MetricStat
		if m == nil {
			continue
		}
		if m.Metric.MetricName == nil || m.Metric.Namespace == nil {
			return invalid("MetricName and Namespace must not be null for Id %s.", id)
		}
		if err := checkStatistic(*m.Stat); err != nil {
			return err
		}
		if err := period(*m.Period); err != nil {
			return err
		}
	}
	return nil
}

func checkStatistic(name string) error {
	switch {
	case plainStatistic(name) || percentile().MatchString(name):
		return nil
	case extended().MatchString(name):
		return unserved("the statistic " + name)
	}
	return invalid("The value %s for parameter Stat is not supported.", name)
}

// wrong is an error in an expression as the API words it.
func wrong(q *types.MetricDataQuery, err error) error {
	if refusal, ok := errors.AsType[*wire.Error](err); ok {
		return refusal
	}
	return invalid("Error in expression '%s': %v", *q.Id, err)
}

// pager cuts a page out of the points of all results.
type pager struct {
	token
	most       int
	descending bool

	seen    int // points so far, of all pages
	more    bool
	results []types.MetricDataResult
}

// add adds a result with those of its points that are on the page. Every page
// names all results; one with more points to come says PartialData.
func (p *pager) add(id string, s series) {
	r := types.MetricDataResult{Id: aws.String(id), Label: aws.String(s.label), StatusCode: types.StatusCodeComplete,
		Timestamps: []time.Time{}, Values: []float64{}}
	points := slices.Clone(s.points)
	if p.descending {
		slices.Reverse(points)
	}
	for _, pt := range points {
		switch {
		case p.seen >= p.given+p.most:
			r.StatusCode, p.more = types.StatusCodePartialData, true
		case p.seen >= p.given:
			r.Timestamps, r.Values = append(r.Timestamps, time.Unix(pt.at, 0)), append(r.Values, pt.v)
		}
		p.seen++
	}
	p.results = append(p.results, r)
}

// token is where a page begins: behind so many points of what there was at a
// time.
type token struct {
	now   int64
	given int
}

func (t token) String() string {
	return base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "%d/%d", t.now, t.given))
}

func parseToken(text string) (t token, err error) {
	plain, err := base64.URLEncoding.DecodeString(text)
	if err == nil {
		_, err = fmt.Sscanf(string(plain), "%d/%d", &t.now, &t.given)
	}
	if err != nil || t.given < 0 {
		return token{}, wire.Errorf("InvalidNextToken", "The next token specified is invalid.")
	}
	return t, nil
}
