package cloudwatch

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// overMetrics works an expression out over metrics written as "m1=30 - 0 m2=1 2 3",
// one value a minute, - for none.
func overMetrics(expression, data string) (string, error) {
	s := &scope{queries: []types.MetricDataQuery{{Id: aws.String("result"), Expression: &expression}}}
	found := map[string]series{}
	for part := range strings.SplitSeq(data, ";") {
		id, values, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields := strings.Fields(values)
		m := series{window: window{0, int64(len(fields)) * minute, minute}}
		for i, f := range fields {
			var v float64
			if _, err := fmt.Sscan(f, &v); err == nil {
				m.points = append(m.points, point{int64(i) * minute, v})
			}
		}
		found[id] = m
		s.queries = append(s.queries, types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{Metric: &types.Metric{MetricName: &id}}})
	}
	s.read = func(m *types.MetricStat) series { return found[*m.Metric.MetricName] }
	all, err := s.result(&s.queries[0])
	var out []string
	for _, r := range all {
		words := []string{}
		for at := int64(0); at < 5*minute; at += minute {
			if v, ok := r.at(at); ok {
				words = append(words, fmt.Sprint(math.Round(v*100)/100))
			} else {
				words = append(words, "-")
			}
		}
		out = append(out, strings.Join(words, " "))
	}
	return strings.Join(out, "; "), err
}

// The examples are those of the CloudWatch user guide, "Using metric math",
// where it has some.
func TestMetricMath(t *testing.T) {
	const (
		guide  = "metric1=30 20 0 0; metric2=20 - 20 -"
		choice = "metric1=1 1 0 0 -; metric2=30 - 0 0 30; metric3=0 0 20 - 20"
		rate   = "failed=1 - 4 - 0; delivered=9 20 - - 0"
		gaps   = "m=- 1 - - 4; other=9 9 8 7 6"
		two    = "m1=1 2 - 4 -5; m2=10 - - 40 50"
	)
	for _, c := range []struct{ data, expression, want string }{
		{guide, "(metric1 < metric2)", "0 0 1 0 -"},
		{guide, "(metric1 >= 30)", "1 0 0 0 -"},
		{guide, "(metric1 > 15 AND metric2 > 15)", "1 0 0 0 -"},
		{guide, "metric1 > 25 || metric2 == 20", "1 0 1 0 -"},
		{guide, "metric1 != 0 && metric1 <= 20", "0 1 0 0 -"},
		{choice, "IF(metric1, metric2, metric3)", "30 0 20 - -"},
		{choice, "IF(metric1, 5, metric3)", "5 5 20 - -"},
		{choice, "IF(metric1, metric2, 5)", "30 0 5 5 -"},
		{choice, "IF(metric1, metric2)", "30 0 - - -"},
		{choice, "IF(1 > 2, metric2, metric3)", "0 0 20 - 20"},
		{choice, "IF(0, metric2)", "- - - - -"},

		// Missing operands count as 0, division by zero drops the point.
		{rate, "100 * failed / (failed + delivered)", "10 0 100 - -"},
		{rate, "IF(failed + delivered >= 1, 100*failed/(failed+delivered), 0)", "10 0 100 - 0"},
		{rate, "failed + delivered", "10 20 4 - 0"},
		{two, "m1 + m2 * 2 ^ 2", "41 2 - 164 195"},
		{two, "2 ^ 3 ^ 0 * m2", "20 - - 80 100"},
		{two, "-m1 - -1", "0 -1 - -3 6"},
		{two, "m1 * (1e1 + .5 + 1.5)", "12 24 - 48 -60"},
		{two, "10 / 0 + m1", "- - - - -"},

		{two, "SUM([m1, m2])", "11 2 - 44 45"},
		{two, "AVG(METRICS())", "5.5 1 - 22 22.5"},
		{two, "MIN([m1, m2])", "1 2 - 4 -5"},
		{two, "MAX(METRICS('2'))", "10 - - 40 50"},
		{two, "m1 - MIN(m1)", "6 7 - 9 0"},
		{two, "m1 / SUM(m1)", "0.5 1 - 2 -2.5"},
		{two, "METRICS() * 2", "2 4 - 8 -10; 20 - - 80 100"},
		{two, "[m1, m2] - m1", "0 0 - 0 0; 9 -2 - 36 55"},
		{two, "SUM(-[m1, m2] + METRICS())", "0 0 - 0 0"},
		{two, "ABS(m1)", "1 2 - 4 5"},
		{two, "CEIL(m1 / 3)", "1 1 - 2 -1"},
		{two, "FLOOR(m1 / 3)", "0 0 - 1 -2"},
		{two, "DIFF(m1)", "- 1 - 2 -9"},
		{two, "RATE(m2 * 60)", "- - - 10 10"},
		{two, "m1 * PERIOD(m1)", "60 120 - 240 -300"},

		{gaps, "FILL(m, 0)", "0 1 0 0 4"},
		{gaps, "FILL(m, MAX(other))", "9 1 9 9 4"},
		{gaps, "FILL(m, other)", "9 1 8 7 4"},
		{gaps, "FILL(m, REPEAT)", "- 1 1 1 4"},
		{gaps, "FILL([m], LINEAR)", "- 1 2 3 4"},
		{"m=- - - - -", "FILL(m, 7)", "7 7 7 7 7"},
		{"m=- - - - -", "m * 2 + 1", "- - - - -"},
	} {
		if got, err := overMetrics(c.expression, c.data); err != nil || got != c.want {
			t.Errorf("%s over %s is %q, %v; want %q", c.expression, c.data, got, err, c.want)
		}
	}
}

func TestMetricMathRefuses(t *testing.T) {
	for expression, says := range map[string]string{
		"":                        "unexpected end",
		"m1 +":                    "unexpected end",
		"m1 m2":                   "unexpected m2",
		"(m1":                     "expected ), not the end",
		"SUM(m1":                  "expected ,",
		"m1 & m2":                 "unexpected '&'",
		"m1 == 'a'":               "unexpected text",
		"m3 * 2":                  "unknown identifier m3",
		"result + 1":              "result refers to itself",
		"SUM(m1)":                 "not a time series",
		"1 + 2":                   "not a time series",
		"SUM(1)":                  "a number is where a time series must be",
		"[m1, 2]":                 "an array holds series",
		"[m1, m2] / [m1]":         "don't go together",
		"IF(METRICS(), 1, 2)":     "IF does not take arrays",
		"IF(m1)":                  "IF does not take 1 arguments",
		"FILL(m1, [m2])":          "FILL does not fill with arrays",
		"PERIOD(m1 + m2) * m1":    "PERIOD takes the id of a metric",
		"METRICS(m1)":             "METRICS takes a text",
		"TOTAL(m1)":               "unknown function TOTAL",
		"sum(m1)":                 "unexpected (",
		"REPEAT":                  "unexpected REPEAT",
		strings.Repeat("-", 4000): "longer than",
	} {
		_, err := overMetrics(expression, "m1=1; m2=2")
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want something that says %q", expression, err, says)
		}
	}
	_, err := overMetrics("SEARCH('{AWS/SQS,QueueName}', 'Sum', 60)", "m1=1")
	if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != "NotImplemented" || !strings.Contains(e.Message, "SEARCH") {
		t.Errorf("SEARCH: got %v, want a refusal by name", err)
	}
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{"100 * f / (f + d)", "IF(f + d >= 1, 100*f/(f+d), 0)", "SUM([f, METRICS('d')]) ^ -2", "FILL(f, LINEAR)", "m1 && RATE(f) || 1.5e3 != d", "[[f],d]-[f,d]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		got, err := overMetrics(expression, "f=1 - 3; d=- 2 0")
		if strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
			t.Errorf("%q has a point that is no number: %s", expression, got)
		}
		if again, err2 := overMetrics(expression, "f=1 - 3; d=- 2 0"); again != got || (err == nil) != (err2 == nil) {
			t.Errorf("%q is %q, then %q", expression, got, again)
		}
	})
}
