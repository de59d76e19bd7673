package sandbox

import (
	"net/http"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// refusal is a code and the status that goes with it.
type refusal struct {
	code   string
	status int
}

// troubles are how a service refuses calls for their rate and for trouble of its
// own.
type troubles struct{ throttled, broken refusal }

// troubleOf is by service: the errors of AWS's API models where they have some
// for it, the common errors of the API references where they have none.
var troubleOf = map[string]troubles{
	"kinesis":                  {refusal{"LimitExceededException", 400}, refusal{"InternalFailure", 500}},
	"sqs":                      {refusal{"RequestThrottled", 400}, refusal{"InternalFailure", 500}},
	"sns":                      {refusal{"Throttling", 400}, refusal{"InternalError", 500}},
	"firehose":                 {refusal{"LimitExceededException", 400}, refusal{"ServiceUnavailableException", 503}},
	"lambda":                   {refusal{"TooManyRequestsException", 429}, refusal{"ServiceException", 500}},
	"stepfunctions":            {refusal{"ThrottlingException", 400}, refusal{"InternalFailure", 500}},
	"cloudwatch":               {refusal{"Throttling", 400}, refusal{"InternalServiceError", 500}},
	"logs":                     {refusal{"ThrottlingException", 400}, refusal{"ServiceUnavailableException", 503}},
	"iam":                      {refusal{"Throttling", 400}, refusal{"ServiceFailure", 500}},
	"sts":                      {refusal{"Throttling", 400}, refusal{"InternalFailure", 500}},
	"kms":                      {refusal{"ThrottlingException", 400}, refusal{"KMSInternalException", 500}},
	"glue":                     {refusal{"ThrottlingException", 400}, refusal{"InternalServiceException", 500}},
	"resourcegroupstaggingapi": {refusal{"ThrottledException", 400}, refusal{"InternalServiceException", 500}},
	"s3":                       {refusal{"SlowDown", 503}, refusal{"InternalError", 500}},
}

// throttled are the calls that a service refuses for their rate with another
// code than the rest of it.
var throttled = map[wire.Call]refusal{
	{Service: "kinesis", Operation: "GetRecords"}:      {"ProvisionedThroughputExceededException", 400},
	{Service: "firehose", Operation: "PutRecord"}:      {"ServiceUnavailableException", 503},
	{Service: "firehose", Operation: "PutRecordBatch"}: {"ServiceUnavailableException", 503},
}

func throttle(c wire.Call) *wire.Error {
	r, ok := throttled[c]
	if !ok {
		r = troubleOf[c.Service].throttled
	}
	return &wire.Error{Code: r.code, Message: "Rate exceeded", Status: r.status}
}

func breakdown(c wire.Call) *wire.Error {
	r := troubleOf[c.Service].broken
	return &wire.Error{Code: r.code, Message: "an internal error, on request", Status: r.status}
}

// outage is the common error of a service that is not there, in all of them.
func outage() *wire.Error {
	return &wire.Error{Code: "ServiceUnavailable", Message: "the service is down, on request", Status: http.StatusServiceUnavailable}
}

// putsRecords are the calls whose records are throttled one by one, within the
// service.
func putsRecords(c wire.Call) bool {
	return c.Service == "kinesis" && (c.Operation == "PutRecord" || c.Operation == "PutRecords")
}
