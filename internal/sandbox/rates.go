package sandbox

import (
	"net/http"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// rate is what an account may call a second, with what AWS answers beyond it.
type rate struct {
	perSecond float64
	code      string
}

// rates are the documented limits that a provisioner meets (quotas pages of
// Kinesis and Firehose; CloudWatch service quotas: PutMetricAlarm, DeleteAlarms
// and SetAlarmState 3/s; trap 38).
var rates = map[wire.Call]rate{
	{Service: "cloudwatch", Operation: "PutMetricAlarm"}:       {3, "Throttling"},
	{Service: "cloudwatch", Operation: "DeleteAlarms"}:         {3, "Throttling"},
	{Service: "cloudwatch", Operation: "SetAlarmState"}:        {3, "Throttling"},
	{Service: "cloudwatch", Operation: "DescribeAlarms"}:       {9, "Throttling"},
	{Service: "kinesis", Operation: "CreateStream"}:            {5, "LimitExceededException"},
	{Service: "kinesis", Operation: "DeleteStream"}:            {5, "LimitExceededException"},
	{Service: "kinesis", Operation: "DescribeStream"}:          {10, "LimitExceededException"},
	{Service: "kinesis", Operation: "DescribeStreamSummary"}:   {20, "LimitExceededException"},
	{Service: "kinesis", Operation: "DescribeLimits"}:          {1, "LimitExceededException"},
	{Service: "firehose", Operation: "CreateDeliveryStream"}:   {5, "LimitExceededException"},
	{Service: "firehose", Operation: "DeleteDeliveryStream"}:   {5, "LimitExceededException"},
	{Service: "firehose", Operation: "DescribeDeliveryStream"}: {5, "LimitExceededException"},
	{Service: "firehose", Operation: "UpdateDestination"}:      {5, "LimitExceededException"},
}

// limit refuses a call beyond its rate. AWS's buckets hold about a second's
// worth, and so do these.
func (f *Faults) limit(c wire.Call) error {
	r, ok := rates[c]
	if !ok {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.buckets[c]
	if b == nil {
		b = &tokens{left: r.perSecond, at: time.Now()}
		f.buckets[c] = b
	}
	if b.take(r.perSecond) {
		return nil
	}
	return &wire.Error{Code: r.code, Message: "Rate exceeded", Status: http.StatusBadRequest}
}

type tokens struct {
	left float64
	at   time.Time
}

func (t *tokens) take(perSecond float64) bool {
	now := time.Now()
	t.left = min(perSecond, t.left+now.Sub(t.at).Seconds()*perSecond)
	t.at = now
	if t.left < 1 {
		return false
	}
	t.left--
	return true
}
