package firehose

import (
	"maps"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// The examples of "Custom prefixes for Amazon S3 objects" and "Configure Amazon
// S3 object name format", and what lies between them.
func TestNamesOfObjects(t *testing.T) {
	at := time.Date(2026, 11, 3, 22, 5, 9, 120_000_000, time.UTC)
	const suffix = `lake-3-2026-11-03-22-05-09-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`
	for _, c := range []struct {
		d             types.ExtendedS3DestinationConfiguration
		failure, want string
	}{
		{types.ExtendedS3DestinationConfiguration{}, "", `2026/11/03/22/` + suffix + `\.parquet`},
		{types.ExtendedS3DestinationConfiguration{Prefix: aws.String("legacy")}, "", `legacy2026/11/03/22/` + suffix + `\.parquet`},
		{types.ExtendedS3DestinationConfiguration{Prefix: aws.String("t/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/")}, "",
			`t/year=2026/month=11/day=03/` + suffix + `\.parquet`},
		{types.ExtendedS3DestinationConfiguration{Prefix: aws.String("!{timestamp:yyyy'/x'''/M/d/HH-h-mm-ss-SSS-a-EEE-MMM-DDD-yy}/")}, "",
			`2026/x'/11/3/22-10-05-09-120-PM-Tue-Nov-307-26/` + suffix + `\.parquet`},
		{types.ExtendedS3DestinationConfiguration{Prefix: aws.String("!{firehose:random-string}/!{firehose:random-string}/")}, "",
			`[0-9A-Za-z]{11}/[0-9A-Za-z]{11}/` + suffix + `\.parquet`},
		{types.ExtendedS3DestinationConfiguration{Prefix: aws.String("p/"), FileExtension: aws.String(".pq")}, "", `p/2026/11/03/22/` + suffix + `\.pq`},
		{types.ExtendedS3DestinationConfiguration{CustomTimeZone: aws.String("Asia/Tokyo")}, "", `2026/11/04/07/lake-3-2026-11-04-07-05-09-.*`},
		{types.ExtendedS3DestinationConfiguration{Prefix: aws.String("p/"), ErrorOutputPrefix: aws.String("e/!{firehose:error-output-type}/!{timestamp:yyyy}/")}, "format-conversion-failed",
			`e/format-conversion-failed/2026/` + suffix},
	} {
		got := target{name: "lake", version: 3, destination: c.d}.objectKey(at, c.failure, map[bool]string{true: ".parquet"}[c.failure == ""])
		if !regexp.MustCompile("^" + c.want + "$").MatchString(got) {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	for _, pattern := range []string{"YYYY", "yyyy'", "Q"} {
		if got, ok := javaTime(pattern, at); ok {
			t.Errorf("%s: got %s, want a refusal", pattern, got)
		}
	}
}

// The freshness that an alarm looks at grows while nothing is delivered.
func TestFreshnessIsTheAgeOfTheOldestRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, empty := &stream{name: "lake"}, &stream{name: "empty"}
		s := &Service{streams: map[string]*stream{"lake": st, "empty": empty}}
		st.age(time.Now())
		st.age(time.Now().Add(-time.Second)) // from another shard
		time.Sleep(time.Hour)
		points := map[bus.MetricID]float64{}
		s.freshness(func(id bus.MetricID, v float64) { points[id] = v })
		want := map[bus.MetricID]float64{bus.ID("AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", "lake"): 3601}
		if !maps.Equal(points, want) {
			t.Errorf("got %v, want %v", points, want)
		}
	})
}
