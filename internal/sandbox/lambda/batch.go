package lambda

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// The events that functions get ("Using Lambda with Kinesis" and "Using Lambda
// with Amazon SQS" of the guide).

type streamEvent struct {
	Records []streamRecord `json:"Records"`
}

type streamRecord struct {
	Kinesis           streamData `json:"kinesis"`
	EventSource       string     `json:"eventSource"`
	EventVersion      string     `json:"eventVersion"`
	EventID           string     `json:"eventID"`
	EventName         string     `json:"eventName"`
	InvokeIdentityARN string     `json:"invokeIdentityArn"`
	AWSRegion         string     `json:"awsRegion"`
	EventSourceARN    string     `json:"eventSourceARN"`
}

type streamData struct {
	SchemaVersion string      `json:"kinesisSchemaVersion"`
	PartitionKey  string      `json:"partitionKey"`
	Sequence      string      `json:"sequenceNumber"`
	Data          []byte      `json:"data"`
	Arrival       json.Number `json:"approximateArrivalTimestamp"`
}

func (f *feeder) streamEvent(shard string, records []bus.Record) []byte {
	role := f.role()
	e := streamEvent{Records: make([]streamRecord, len(records))}
	for i, r := range records {
		e.Records[i] = streamRecord{
			Kinesis: streamData{SchemaVersion: "1.0", PartitionKey: r.PartitionKey, Sequence: r.Sequence, Data: r.Data,
				Arrival: json.Number(strconv.FormatFloat(float64(r.Arrived.UnixMilli())/1000, 'f', 3, 64))},
			EventSource: "aws:kinesis", EventVersion: "1.0", EventID: shard + ":" + r.Sequence, EventName: "aws:kinesis:record",
			InvokeIdentityARN: role, AWSRegion: f.service.bus.Region, EventSourceARN: f.mapping.source.arn,
		}
	}
	return encode(e)
}

type queueEvent struct {
	Records []queueRecord `json:"Records"`
}

type queueRecord struct {
	MessageID      string                    `json:"messageId"`
	Handle         string                    `json:"receiptHandle"`
	Body           string                    `json:"body"`
	Attributes     map[string]string         `json:"attributes"`
	UserData       map[string]queueAttribute `json:"messageAttributes"`
	BodyMD5        string                    `json:"md5OfBody"`
	AttributesMD5  string                    `json:"md5OfMessageAttributes,omitempty"`
	EventSource    string                    `json:"eventSource"`
	EventSourceARN string                    `json:"eventSourceARN"`
	AWSRegion      string                    `json:"awsRegion"`
}

type queueAttribute struct {
	String   *string  `json:"stringValue,omitempty"`
	Binary   string   `json:"binaryValue,omitempty"`
	Strings  []string `json:"stringListValues"`
	Binaries []string `json:"binaryListValues"`
	DataType string   `json:"dataType"`
}

func (f *feeder) queueEvent(messages []bus.Message) []byte {
	e := queueEvent{Records: make([]queueRecord, len(messages))}
	for i, m := range messages {
		r := queueRecord{
			MessageID: m.ID, Handle: m.Handle, Body: m.Body, Attributes: m.Attributes, UserData: map[string]queueAttribute{},
			BodyMD5: m.BodyMD5, AttributesMD5: m.AttributesMD5,
			EventSource: "aws:sqs", EventSourceARN: f.mapping.source.arn, AWSRegion: f.service.bus.Region,
		}
		for name, a := range m.UserData {
			q := queueAttribute{DataType: a.DataType, Strings: []string{}, Binaries: []string{}}
			if a.Binary != nil {
				q.Binary = base64.StdEncoding.EncodeToString(a.Binary)
			} else {
				q.String = &a.String
			}
			r.UserData[name] = q
		}
		e.Records[i] = r
	}
	return encode(e)
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, bytes and numbers of our own always marshal
	}
	return text
}

// response is what a function made of a batch.
type response struct {
	requestID string
	failed    bool
	items     []string // what it reports as failed, when it is asked to
}

// readResponse reads a partial batch response. An answer that says nothing of
// failures is success; one that names no item where it should is failure of the
// whole batch ("Implementing partial batch responses").
func readResponse(payload []byte) (items []string, failed bool) {
	var said *struct {
		Failures []struct {
			Item *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if len(payload) == 0 {
		return nil, false
	}
	if json.Unmarshal(payload, &said) != nil {
		return nil, true
	}
	if said == nil {
		return nil, false
	}
	for _, f := range said.Failures {
		if f.Item == nil || *f.Item == "" {
			return nil, true
		}
		items = append(items, *f.Item)
	}
	return items, false
}

// discarded is what a mapping tells its destination of records that it gives
// up ("Retain discarded batch records for a Kinesis Data Streams event source").
type discarded struct {
	Request struct {
		ID        string `json:"requestId"`
		Function  string `json:"functionArn"`
		Condition string `json:"condition"`
		Invokes   int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	Response *discardedResponse `json:"responseContext,omitempty"`
	Version  string             `json:"version"`
	Time     string             `json:"timestamp"`
	Batch    struct {
		Shard  string `json:"shardId"`
		Start  string `json:"startSequenceNumber"`
		End    string `json:"endSequenceNumber"`
		Oldest string `json:"approximateArrivalOfFirstRecord"`
		Newest string `json:"approximateArrivalOfLastRecord"`
		Size   int    `json:"batchSize"`
		Stream string `json:"streamArn"`
	} `json:"KinesisBatchInfo"`
}

type discardedResponse struct {
	Status        int    `json:"statusCode"`
	Version       string `json:"executedVersion"`
	FunctionError string `json:"functionError,omitempty"`
}

// stamp is how these records write times.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
