package redrive

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Notice is what Lambda leaves of records of a stream that a function failed on:
// where they are, and none of them ("Retain discarded batch records for a
// Kinesis Data Streams event source").
type Notice struct {
	StreamARN  string
	Shard      string
	First      string // sequence numbers, both included
	Last       string
	Records    int
	FirstCame  time.Time
	Condition  string // RetryAttemptsExhausted
	FunctionOf string // the function's ARN
}

// ParseNotice reads a notice.
func ParseNotice(body string) (Notice, error) {
	var in struct {
		Request struct {
			Function  string `json:"functionArn"`
			Condition string `json:"condition"`
		} `json:"requestContext"`
		Batch struct {
			Shard  string    `json:"shardId"`
			First  string    `json:"startSequenceNumber"`
			Last   string    `json:"endSequenceNumber"`
			Came   time.Time `json:"approximateArrivalOfFirstRecord"`
			Size   int       `json:"batchSize"`
			Stream string    `json:"streamArn"`
		} `json:"KinesisBatchInfo"`
	}
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return Notice{}, fmt.Errorf("no notice of a stream's failure: %w", err)
	}
	b := in.Batch
	if b.Shard == "" || !number(b.First) || !number(b.Last) || after(b.First, b.Last) || b.Size < 1 || strings.ContainsAny(b.Shard, " \t\r\n") {
		return Notice{}, errors.New("no notice of a stream's failure: it names no records")
	}
	return Notice{
		StreamARN: b.Stream, Shard: b.Shard, First: b.First, Last: b.Last, Records: b.Size, FirstCame: b.Came,
		Condition: in.Request.Condition, FunctionOf: in.Request.Function,
	}, nil
}

func number(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// String names the records for people.
func (n Notice) String() string {
	return fmt.Sprintf("%d records of %s from %s", n.Records, n.Shard, n.First)
}
