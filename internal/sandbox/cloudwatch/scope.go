package cloudwatch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// scope is the queries of one request, which may refer to one another, and how
// their metrics are read.
type scope struct {
	queries []types.MetricDataQuery
	read    func(*types.MetricStat) series

	results map[string]value
	pending []string // expressions being worked out
}

// query is the value of a query.
func (s *scope) query(id string) (value, error) {
	if v, ok := s.results[id]; ok {
		return v, nil
	}
	i := slices.IndexFunc(s.queries, func(q types.MetricDataQuery) bool { return *q.Id == id })
	if i < 0 {
		return value{}, fmt.Errorf("unknown identifier %s", id)
	}
	v, err := s.compute(&s.queries[i])
	if err != nil {
		return value{}, err
	}
	if s.results == nil {
		s.results = map[string]value{}
	}
	s.results[id] = v
	return v, nil
}

func (s *scope) compute(q *types.MetricDataQuery) (value, error) {
	if q.MetricStat != nil {
		found := s.read(q.MetricStat)
		found.label = aws.ToString(q.Label)
		if found.label == "" {
			found.label = *q.MetricStat.Metric.MetricName
		}
		return one(found), nil
	}
	if slices.Contains(s.pending, *q.Id) {
		return value{}, fmt.Errorf("%s refers to itself", *q.Id)
	}
	s.pending = append(s.pending, *q.Id)
	defer func() { s.pending = s.pending[:len(s.pending)-1] }()
	n, err := parse(*q.Expression)
	if err != nil {
		return value{}, err
	}
	return n.value(s)
}

func (s *scope) isMetric(id string) bool {
	return slices.ContainsFunc(s.queries, func(q types.MetricDataQuery) bool { return *q.Id == id && q.MetricStat != nil })
}

// result is what a query gives to whoever asked: one series or several, never a
// number (CloudWatch user guide, "Using metric math").
func (s *scope) result(q *types.MetricDataQuery) ([]series, error) {
	v, err := s.query(*q.Id)
	switch {
	case err != nil:
		return nil, wrong(q, err)
	case v.kind == scalar:
		return nil, invalid("Error in expression '%s': the result is a number, not a time series", *q.Id)
	case q.MetricStat != nil:
		return v.all, nil
	}
	label := aws.ToString(q.Label)
	out := slices.Clone(v.all)
	for i := range out {
		switch {
		case v.kind == array:
			out[i].label = strings.TrimSpace(label + " " + out[i].label)
		case label == "":
			out[i].label = *q.Id
		default:
			out[i].label = label
		}
	}
	return out, nil
}
