package apierr_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// answer is an error as the SDK returns it: an operation's, of a response, with
// a code, and wrapped once more by us.
func answer(status int, code, message string) error {
	var err error = &smithy.GenericAPIError{Code: code, Message: message}
	if code == "" {
		err = errors.New("no body")
	}
	err = &awshttp.ResponseError{RequestID: "r", ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err}}
	return fmt.Errorf("queue/x: %w", &smithy.OperationError{ServiceID: "X", OperationName: "Y", Err: err})
}

// TestSort holds the sorting to AWS's own words, as its services and their users
// report them.
func TestSort(t *testing.T) {
	for _, c := range []struct {
		status  int
		code    string
		message string
		want    resource.Trouble
	}{
		{400, "AWS.SimpleQueueService.QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.", resource.Recent},
		{400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.", resource.Fresh},
		{400, "InvalidParameterValueException", "Cannot access stream arn:aws:kinesis:x. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in IAM.", resource.Fresh},
		{400, "InvalidArgumentException", "Firehose is unable to assume role arn:aws:iam::1:role/r. Please check the role provided.", resource.Fresh},
		{400, "AccessDeniedException", "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.", resource.Fresh},
		{400, "KMSNotFoundException", "Alias arn:aws:kms:eu-west-1:1:alias/ccs is not found.", resource.Fresh},
		{400, "InvalidParameterValueException", "1 validation error detected: batch size must be at most 10", resource.Lasting},
		{400, "LimitExceededException", "Rate exceeded for account 1.", resource.Throttled},
		{400, "LimitExceededException", "UpdateShardCount cannot scale up over double your current open shard count.", resource.Lasting},
		{400, "ThrottlingException", "Rate exceeded", resource.Throttled},
		{400, "Throttling", "Rate exceeded", resource.Throttled},
		{503, "SlowDown", "Please reduce your request rate.", resource.Throttled},
		{429, "TooManyRequestsException", "Rate Exceeded.", resource.Throttled},
		{400, "ResourceInUseException", "Stream s under account 1 not ACTIVE, instead in state UPDATING", resource.Busy},
		{409, "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource: arn:aws:lambda:x", resource.Busy},
		{400, "ResourceInUseException", "The event source mapping with UUID u cannot be deleted because it is in use.", resource.Busy},
		{409, "DeleteConflict", "Cannot delete entity, must delete policies first.", resource.Busy},
		{409, "OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Please try again.", resource.Busy},
		{400, "ResourceInUseException", "Stream s under account 1 already exists.", resource.Lasting},
		{409, "ResourceConflictException", "Function already exist: f", resource.Lasting},
		{400, "StateMachineDeleting", "State Machine is being deleted: 'arn:x'", resource.Busy},
		{500, "InternalFailure", "oops", resource.Unavailable},
		{503, "ServiceUnavailable", "busy", resource.Unavailable},
		{502, "", "", resource.Unavailable},
		{501, "UnknownOperationException", "the sandbox does not serve it", resource.Lasting},
		{400, "InvalidArgumentException", "Role arn:aws:iam::1:role/r is not authorized to perform: kinesis:DescribeStream on resource arn:x.", resource.Fresh},
		{400, "AccessDeniedException", "User: arn:aws:iam::1:user/u is not authorized to perform: kinesis:CreateStream on resource: arn:x", resource.Lasting},
		{400, "ValidationException", "no", resource.Lasting},
	} {
		if got := apierr.Sort(answer(c.status, c.code, c.message)); got != c.want {
			t.Errorf("%s: %s\ngot %s, want %s", c.code, c.message, got, c.want)
		}
	}
	for err, want := range map[error]resource.Trouble{
		nil:                resource.Lasting,
		errors.New("ours"): resource.Lasting,
		context.Canceled:   resource.Lasting,
		&net.OpError{Op: "dial", Err: errors.New("connection refused")}: resource.Unavailable,
		&url.Error{Op: "Post", URL: "http://x", Err: &net.DNSError{}}:   resource.Unavailable,
		// What the SDK makes of a connection that broke before the answer.
		&awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{}}, Err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}}}: resource.Unavailable,
	} {
		if got := apierr.Sort(err); got != want {
			t.Errorf("%v: got %s, want %s", err, got, want)
		}
	}
}

func TestQuestions(t *testing.T) {
	type question = func(error) bool
	for _, c := range []struct {
		name string
		err  error
		yes  question
		no   []question
	}{
		{"a queue by the query name", answer(400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."), apierr.NotFound, []question{apierr.Exists, apierr.Denied}},
		{"a queue by the JSON name", answer(400, "QueueDoesNotExist", "The specified queue does not exist."), apierr.NotFound, nil},
		{"a topic", answer(404, "NotFound", "Topic does not exist"), apierr.NotFound, nil},
		{"a key", answer(400, "NotFoundException", "Alias is not found."), apierr.NotFound, nil},
		{"a role", answer(404, "NoSuchEntity", "The role with name r cannot be found."), apierr.NotFound, nil},
		{"an alarm", answer(404, "ResourceNotFound", ""), apierr.NotFound, nil},
		{"a bucket without a body", answer(404, "", ""), apierr.NotFound, nil},
		{"a role that is there", answer(409, "EntityAlreadyExists", "Role with name r already exists."), apierr.Exists, []question{apierr.NotFound}},
		{"a stream that is there", answer(400, "ResourceInUseException", "Stream s under account 1 already exists."), apierr.Exists, nil},
		{"a function that is there", answer(409, "ResourceConflictException", "Function already exist: f"), apierr.Exists, nil},
		{"a bucket of ours", answer(409, "BucketAlreadyOwnedByYou", ""), apierr.Exists, nil},
		{"no permission", answer(400, "AccessDeniedException", "User is not authorized to perform: x:Y"), apierr.Denied, []question{apierr.Expired}},
		{"no permission of SNS", answer(403, "AuthorizationError", ""), apierr.Denied, nil},
		{"a wrong secret", answer(403, "SignatureDoesNotMatch", ""), apierr.Denied, nil},
		{"a session that is over", answer(403, "ExpiredToken", ""), apierr.Expired, nil},
		{"a session that is over is no permission", answer(400, "ExpiredTokenException", ""), apierr.Denied, nil},
	} {
		if !c.yes(c.err) {
			t.Errorf("%s: no", c.name)
		}
		for i, no := range c.no {
			if no(c.err) {
				t.Errorf("%s: question %d is answered yes", c.name, i)
			}
		}
	}
	for name, err := range map[string]error{
		"nothing": nil, "ours": errors.New("not found, already exists, access denied"), "somebody else's bucket": answer(409, "BucketAlreadyExists", "taken"),
		"a stream that is changing": answer(400, "ResourceInUseException", "not ACTIVE"), "no body and forbidden": answer(403, "", ""),
	} {
		if apierr.NotFound(err) || apierr.Exists(err) || apierr.Expired(err) || name == "nothing" && apierr.Denied(err) {
			t.Errorf("%s is taken for something", name)
		}
	}
}

func TestCodeAndMessage(t *testing.T) {
	err := answer(400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
	if got := apierr.Code(err) + ": " + apierr.Message(err); got != "AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist." {
		t.Errorf("got %s", got)
	}
	if !apierr.Is(err, "NonExistentQueue") || apierr.Is(err, "Queue") || apierr.Is(errors.New("NonExistentQueue"), "NonExistentQueue") {
		t.Error("codes are not compared as codes")
	}
	if got := apierr.Message(errors.New("ours")); got != "ours" || apierr.Code(errors.New("ours")) != "" {
		t.Errorf("an error of ours: %s", got)
	}
}
