package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/fxamacker/cbor/v2"
)

// some serves a few operations of each protocol. Each succeeds.
func some(hook Hook) *Server {
	return NewServer([]Service{
		{Name: "kinesis", Invalid: "ValidationException", Ops: map[string]Op{
			"CreateStream": Handle(func(context.Context, *kinesis.CreateStreamInput) (*kinesis.CreateStreamOutput, error) {
				return &kinesis.CreateStreamOutput{}, nil
			}),
			"DescribeLimits": Handle(func(context.Context, *kinesis.DescribeLimitsInput) (*kinesis.DescribeLimitsOutput, error) {
				return nil, errors.New("our own mistake")
			}),
			"PutRecord": Handle(func(context.Context, *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
				return &kinesis.PutRecordOutput{}, nil
			}),
		}},
		{Name: "sns", Invalid: "InvalidParameter", Missing: "ValidationError", Ops: map[string]Op{
			"CreateTopic": Handle(func(context.Context, *sns.CreateTopicInput) (*sns.CreateTopicOutput, error) {
				return &sns.CreateTopicOutput{}, nil
			}),
		}},
		{Name: "lambda", Invalid: "ValidationException", Ops: map[string]Op{
			"ListFunctions": Handle(func(context.Context, *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
				return &lambda.ListFunctionsOutput{}, nil
			}),
			"TagResource": Handle(func(context.Context, *lambda.TagResourceInput) (*lambda.TagResourceOutput, error) {
				return &lambda.TagResourceOutput{}, nil
			}),
		}},
		{Name: "cloudwatch", Invalid: "ValidationError", Ops: map[string]Op{
			"PutMetricAlarm": Handle(func(context.Context, *cloudwatch.PutMetricAlarmInput) (*cloudwatch.PutMetricAlarmOutput, error) {
				return &cloudwatch.PutMetricAlarmOutput{}, nil
			}),
		}},
	}, hook, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
}

func jsonCall(target, body string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", target)
	return r
}

func formCall(body string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return r
}

func restCall(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=k/20261123/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0")
	return r
}

func cborCall(path string, body any) *http.Request {
	text, ok := body.(string)
	if !ok {
		b, err := cbor.Marshal(body)
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(text))
	r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	return r
}

func zipped(r *http.Request, body string) *http.Request {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(body))
	_ = z.Close()
	c := jsonCall(r.Header.Get("X-Amz-Target"), b.String())
	c.Header.Set("Content-Encoding", "gzip")
	return c
}

const (
	alarmPath = "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm"
	create    = "Kinesis_20131202.CreateStream"
	notNull   = "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null"
)

// TestRefusals sends what a client should not, in each protocol, and what looks
// wrong but is not.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		says    string // in the body, "" for whatever
	}{
		"fine":                         {jsonCall(create, `{"StreamName":"s"}`), 200, ""},
		"members that AWS ignores":     {jsonCall(create, `{"StreamName":"s","Foreign":{"a":[1]}}`), 200, ""},
		"null for absent":              {jsonCall(create, `{"StreamName":"s","ShardCount":null}`), 200, ""},
		"a whole number as a float":    {jsonCall(create, `{"StreamName":"s","ShardCount":2.0}`), 200, ""},
		"compressed":                   {zipped(jsonCall(create, ""), `{"StreamName":"s"}`), 200, ""},
		"an empty body":                {jsonCall(create, ``), 400, notNull},
		"null":                         {jsonCall(create, `null`), 400, notNull},
		"half an object":               {jsonCall(create, `{"StreamName":`), 400, "SerializationException"},
		"two objects":                  {jsonCall(create, `{}{}`), 400, "more than one value"},
		"a list":                       {jsonCall(create, `[]`), 400, "SerializationException"},
		"a number for a text":          {jsonCall(create, `{"StreamName":1}`), 400, "can not be converted to a String"},
		"a text for a number":          {jsonCall(create, `{"StreamName":"s","ShardCount":"2"}`), 400, "SerializationException"},
		"a broken number":              {jsonCall(create, `{"StreamName":"s","ShardCount":1.5}`), 400, "SerializationException"},
		"a number beyond 32 bits":      {jsonCall(create, `{"StreamName":"s","ShardCount":4294967298}`), 400, "SerializationException"},
		"a number beyond 64 bits":      {jsonCall(create, `{"StreamName":"s","ShardCount":1e300}`), 400, "SerializationException"},
		"a list for a map":             {jsonCall(create, `{"StreamName":"s","Tags":[]}`), 400, "can not be converted to a map"},
		"a text for a structure":       {jsonCall(create, `{"StreamName":"s","StreamModeDetails":"x"}`), 400, "can not be converted to a structure"},
		"no base64":                    {jsonCall("Kinesis_20131202.PutRecord", `{"PartitionKey":"k","Data":"*"}`), 400, "invalid base64"},
		"a pattern and a minimum":      {jsonCall(create, `{"StreamName":"a b","ShardCount":0}`), 400, "2 validation errors detected: Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1; Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		"an enumeration":               {jsonCall(create, `{"StreamName":"s","StreamModeDetails":{"StreamMode":"X"}}`), 400, "Value 'X' at 'streamModeDetails.streamMode' failed to satisfy constraint: Member must satisfy enum value set: ["},
		"a line break behind a name":   {jsonCall(create, `{"StreamName":"s\n"}`), 400, "regular expression"},
		"not compressed though said":   {func() *http.Request { r := jsonCall(create, `{}`); r.Header.Set("Content-Encoding", "gzip"); return r }(), 400, "SerializationException"},
		"our own mistake":              {jsonCall("Kinesis_20131202.DescribeLimits", ``), 500, "InternalFailure"},
		"an operation not served":      {jsonCall("Kinesis_20131202.SubscribeToShard", `{}`), 501, "the sandbox does not serve kinesis:SubscribeToShard"},
		"a service not served":         {jsonCall("DynamoDB_20120810.PutItem", `{}`), 501, "DynamoDB_20120810.PutItem"},
		"a service not made":           {jsonCall("AmazonSQS.CreateQueue", `{}`), 501, "the sandbox does not serve sqs:CreateQueue"},
		"form: fine":                   {formCall("Action=CreateTopic&Version=2010-03-31&Name=t&Foreign.member.1=x"), 200, "<CreateTopicResult>"},
		"form: in the address":         {httptest.NewRequest("GET", "/?Action=CreateTopic&Version=2010-03-31&Name=t", nil), 200, "<CreateTopicResult>"},
		"form: a member missing":       {formCall("Action=CreateTopic&Version=2010-03-31"), 400, "<Code>ValidationError</Code><Message>The request must contain the parameter Name.</Message>"},
		"form: numbers that are none":  {formCall("Action=CreateTopic&Version=2010-03-31&Name=t&Tags.member.x.Key=k&Tags.member.01.Key=k&Tags.member.01.Value=v&Attributes.entry.=x"), 200, ""},
		"form: broken escapes":         {formCall("Action=%zz"), 400, "MalformedQueryString"},
		"form: an operation":           {formCall("Action=Nothing&Version=2010-03-31"), 501, "<Code>InvalidAction</Code><Message>the sandbox does not serve sns:Nothing</Message>"},
		"form: a version":              {formCall("Action=SendMessage&Version=2012-11-05"), 501, "SendMessage"},
		"form: nothing":                {formCall(""), 501, "InvalidAction"},
		"rest: fine":                   {restCall("GET", "/2015-03-31/functions/?MaxItems=5", ""), 200, ""},
		"rest: too many":               {restCall("GET", "/2015-03-31/functions/?MaxItems=0", ""), 400, "Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		"rest: a number that is none":  {restCall("GET", "/2015-03-31/functions/?MaxItems=x", ""), 400, "SerializationException"},
		"rest: null":                   {restCall("POST", "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Af", "null"), 400, "Value null at 'tags'"},
		"rest: an operation not there": {restCall("PATCH", "/2015-03-31/functions/f", ""), 501, "the sandbox does not serve lambda:PATCH /2015-03-31/functions/f"},
		"rest: an operation not made":  {restCall("GET", "/2015-03-31/functions/f", ""), 501, "the sandbox does not serve lambda:GetFunction"},
		"cbor: fine":                   {cborCall(alarmPath, map[string]any{"AlarmName": "a", "Threshold": 1, "Foreign": []any{1}}), 200, ""},
		"cbor: an empty body":          {cborCall(alarmPath, ""), 400, "alarmName"},
		"cbor: null":                   {cborCall(alarmPath, "\xf6"), 400, "alarmName"},
		"cbor: half a map":             {cborCall(alarmPath, "\xa1"), 400, "SerializationException"},
		"cbor: a list":                 {cborCall(alarmPath, []any{}), 400, "SerializationException"},
		"cbor: names that are no text": {cborCall(alarmPath, map[any]any{1: "a"}), 400, "SerializationException"},
		"cbor: bytes for a text":       {cborCall(alarmPath, map[string]any{"AlarmName": []byte("a")}), 400, "SerializationException"},
		"cbor: a union":                {cborCall(alarmPath, map[string]any{"AlarmName": "a", "EvaluationCriteria": map[string]any{}}), 501, "evaluationCriteria"},
		"cbor: an operation":           {cborCall("/service/GraniteServiceVersion20100801/operation/GetDashboard", ""), 501, "the sandbox does not serve cloudwatch:GetDashboard"},
		"cbor: a service":              {cborCall("/service/Other/operation/X", ""), 501, "POST /service/Other/operation/X"},
		"neither":                      {httptest.NewRequest("GET", "/index.html", nil), 418, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			some(nil).ServeHTTP(w, c.request)
			if body := w.Body.String(); w.Code != c.status || !strings.Contains(body, c.says) {
				t.Errorf("got %d %s\nwant %d %s", w.Code, body, c.status, c.says)
			}
		})
	}
}

func TestHookAnswersInPlaceOfTheService(t *testing.T) {
	var met []string
	s := some(func(_ context.Context, c Call) error {
		met = append(met, c.String())
		return &Error{Code: "ThrottlingException", Message: "slow down", Status: 429}
	})
	for _, r := range []*http.Request{jsonCall(create, `{"broken`), formCall("Action=CreateTopic&Version=2010-03-31"), cborCall(alarmPath, ""), jsonCall("Kinesis_20131202.Other", "{}")} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if want := map[bool]int{true: 429, false: 501}[w.Code != 501]; w.Code != want || w.Code == 429 && !strings.Contains(w.Body.String(), "slow down") {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	}
	if got := fmt.Sprint(met); got != "[kinesis:CreateStream sns:CreateTopic cloudwatch:PutMetricAlarm]" {
		t.Errorf("the hook met %s", got)
	}
}

func TestTooLarge(t *testing.T) {
	r := jsonCall(create, "")
	r.Body = io.NopCloser(io.LimitReader(spaces{}, MaxRequest+1))
	w := httptest.NewRecorder()
	some(nil).ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// spaces is a body without end.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
