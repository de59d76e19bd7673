package cloudwatch

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// stamp is how CloudWatch writes times in its JSON.
const stamp = "2006-01-02T15:04:05.000-0700"

// text words why an alarm changed its state as CloudWatch does.
func (r rule) text(points []point, old, state types.StateValue) string {
	missing := r.of - len(points)
	if state == types.StateValueInsufficientData {
		return fmt.Sprintf("Insufficient Data: %s unknown.", counted(missing, "datapoint was", "datapoints were"))
	}
	treated := ""
	if word := map[string]string{"breaching": "Breaching", "notBreaching": "NonBreaching"}[r.missing]; missing > 0 && word != "" {
		treated = fmt.Sprintf(" and %s treated as [%s]", counted(missing, "missing datapoint was", "missing datapoints were"), word)
	}
	if len(points) == 0 {
		return fmt.Sprintf("Threshold Crossed: no datapoints were received for %s%s.", counted(r.of, "period", "periods"), treated)
	}
	shown, not, least := r.which(points, state)
	values := make([]string, len(shown))
	for i, p := range shown { // newest first
		values[len(shown)-1-i] = fmt.Sprintf("%s (%s)", double(p.v), time.Unix(p.at, 0).UTC().Format("02/01/06 15:04:05"))
	}
	verb := "was"
	if len(shown) != 1 {
		verb = "were"
	}
	return fmt.Sprintf("Threshold Crossed: %d out of the last %d datapoints [%s] %s%s %s the threshold (%s)%s (minimum %s for %s -> %s transition).",
		len(shown), r.of, strings.Join(values, ", "), verb, not, r.compared(), double(r.limit), treated,
		counted(least, "datapoint", "datapoints"), old, state)
}

// which points a text about the state names, and how many of them it takes.
func (r rule) which(points []point, state types.StateValue) (shown []point, not string, least int) {
	breaching := state == types.StateValueAlarm
	for _, p := range points {
		if r.breaches(p.v) == breaching {
			shown = append(shown, p)
		}
	}
	if breaching {
		return shown, "", r.need
	}
	return shown, " not", r.of - r.need + 1
}

func (r rule) compared() string {
	switch r.operator {
	case types.ComparisonOperatorGreaterThanThreshold:
		return "greater than"
	case types.ComparisonOperatorGreaterThanOrEqualToThreshold:
		return "greater than or equal to"
	case types.ComparisonOperatorLessThanThreshold:
		return "less than"
	}
	return "less than or equal to"
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// double is a number as CloudWatch writes it: with a point, or with an exponent
// when it is very large or very small.
type double float64

func (d double) String() string {
	v := float64(d)
	if size := math.Abs(v); size != 0 && (size < 1e-3 || size >= 1e7) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exponent) // strconv wrote it
		return mantissa + "E" + strconv.Itoa(n)
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// MarshalJSON implements json.Marshaler.
func (d double) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// evaluation is the form of StateReasonData.
type evaluation struct {
	Version             string      `json:"version"`
	QueryDate           string      `json:"queryDate"`
	StartDate           string      `json:"startDate,omitempty"`
	Unit                string      `json:"unit,omitempty"`
	Statistic           string      `json:"statistic,omitempty"`
	Period              int64       `json:"period"`
	RecentDatapoints    []double    `json:"recentDatapoints"`
	Threshold           double      `json:"threshold"`
	EvaluatedDatapoints []datapoint `json:"evaluatedDatapoints,omitempty"`
}

type datapoint struct {
	Timestamp   string  `json:"timestamp"`
	SampleCount *double `json:"sampleCount,omitempty"`
	Value       double  `json:"value"`
}

// data is the same for programs.
func (r rule) data(a *alarm, seen sight, points []point, now time.Time) string {
	e := evaluation{Version: "1.0", QueryDate: now.UTC().Format(stamp), Unit: string(a.settings.Unit), Statistic: string(a.settings.Statistic),
		Period: a.period(), RecentDatapoints: []double{}, Threshold: double(r.limit)}
	if len(points) > 0 {
		e.StartDate = time.Unix(points[0].at, 0).UTC().Format(stamp)
	}
	for i, p := range points {
		e.RecentDatapoints = append(e.RecentDatapoints, double(p.v))
		newest := points[len(points)-1-i]
		d := datapoint{Timestamp: time.Unix(newest.at, 0).UTC().Format(stamp), Value: double(newest.v)}
		if n, ok := seen.counts[newest.at]; ok {
			count := double(n)
			d.SampleCount = &count
		}
		e.EvaluatedDatapoints = append(e.EvaluatedDatapoints, d)
	}
	return encode(e)
}

// encode is for what always can be. CloudWatch leaves < and > as they are.
func encode(v any) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}
