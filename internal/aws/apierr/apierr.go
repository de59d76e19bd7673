// Package apierr knows which of AWS's errors the tool acts on: what is not
// there, what is not allowed, and what goes away by itself. It is the only
// place that reads an error's text, and it does so only where AWS gives several
// meanings one code.
package apierr

import (
	"errors"
	"net"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Code is AWS's error code in err's chain, "" when there is none. Services with
// an old Query API have two names for an error; this is the one they send in
// the header, so compare with Is, which knows both.
func Code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// Message is AWS's own wording, err's text when it is not AWS's error.
func Message(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorMessage() != "" {
		return e.ErrorMessage()
	}
	return err.Error()
}

// Is reports whether err is an AWS error of one of the given codes. Prefixes
// and suffixes that only some protocols carry do not count: QueueDoesNotExist
// and AWS.SimpleQueueService.QueueDoesNotExist, NotFound and NotFoundException
// are the same.
func Is(err error, codes ...string) bool {
	code := bare(Code(err))
	if code == "" {
		return false
	}
	for _, c := range codes {
		if bare(c) == code {
			return true
		}
	}
	return false
}

func bare(code string) string {
	code = code[strings.LastIndexByte(code, '.')+1:]
	return strings.TrimSuffix(code, "Exception")
}

// NotFound reports whether err says that the thing asked about is not there.
func NotFound(err error) bool {
	if Is(err, "ResourceNotFound", "NotFound", "NoSuchEntity", "EntityNotFound", "StateMachineDoesNotExist",
		"QueueDoesNotExist", "NonExistentQueue", "NoSuchBucket", "NoSuchTagSet", "NoSuchBucketPolicy",
		"NoSuchPublicAccessBlockConfiguration", "ServerSideEncryptionConfigurationNotFoundError",
		"OwnershipControlsNotFoundError", "NoSuchLifecycleConfiguration") {
		return true
	}
	// HeadBucket's answers have no body and so no code.
	re, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && Code(err) == "" && re.HTTPStatusCode() == http.StatusNotFound
}

// Exists reports whether err says that the name is taken.
func Exists(err error) bool {
	return Is(err, "AlreadyExists", "EntityAlreadyExists", "ResourceAlreadyExists", "StateMachineAlreadyExists",
		"QueueNameExists", "QueueAlreadyExists", "BucketAlreadyOwnedByYou") ||
		(Is(err, "ResourceConflict") && says(err, "already exist")) ||
		(Is(err, "ResourceInUse") && says(err, "already exists", "already under"))
}

// Denied reports whether err says that the caller has no credentials, or may
// not do this. A new role that is not known yet may read the same: see Sort.
func Denied(err error) bool {
	if Is(err, "AccessDenied", "AuthorizationError", "UnauthorizedOperation", "NotAuthorized", "Forbidden",
		"UnrecognizedClient", "InvalidClientTokenId", "SignatureDoesNotMatch", "MissingAuthenticationToken", "InvalidAccessKeyId") || Expired(err) {
		return true
	}
	if err == nil {
		return false
	}
	return strings.Contains(err.Error(), "failed to refresh cached credentials") || strings.Contains(err.Error(), "get identity: get credentials")
}

// Expired reports whether err says that the session is over.
func Expired(err error) bool {
	return Is(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
}

// MoveRunning reports whether SQS refuses a move task because the queue has one
// that is not over (trap 13).
func MoveRunning(err error) bool {
	return Is(err, "InvalidParameterValue") && says(err, "already a task running")
}

// NotDeadLetterQueue reports whether SQS refuses a move task because no queue
// has this one as its dead-letter queue, as with those of Lambda and SNS.
func NotDeadLetterQueue(err error) bool {
	return Is(err, "InvalidParameterValue") && says(err, "must be configured as a Dead Letter Queue")
}

// fresh are the words in which services refuse a role, or something else, that
// was made a moment ago and is not known everywhere yet (IAM guide, "changes
// are not always immediately visible"; trap 1).
var fresh = []string{
	"role defined for the function cannot be assumed", "KMS key is invalid for CreateGrant", // Lambda functions
	"Cannot access stream", "Please ensure the role can perform", "does not have permissions to call", // event source mappings
	"unable to assume role", "Firehose is unable to assume", "is not authorized to perform: kinesis:", "Access was denied when calling Glue", // Firehose
	"authorized to assume the provided role", "not authorized to access the Log Destination", // Step Functions
	"PrincipalNotFound", "is not a valid role to allow SNS", // SNS
	"one or more invalid principals", "Invalid principal in policy", // KMS, S3
	"Stream not found", "NonExistentQueue", // a mapping whose source was made a moment ago
}

// unsettledKey are the codes by which services that encrypt say that a key, or
// its alias, was made or brought back a moment ago: KMS spreads changes within
// seconds, seldom minutes, and its own answer is not that of others (KMS guide,
// "AWS KMS eventual consistency").
var unsettledKey = []string{"KMSNotFound", "KMSInvalidState", "KMSDisabled"}

// throttled are the codes that ask for fewer calls.
var throttled = []string{"Throttling", "ThrottlingException", "TooManyRequests", "RequestThrottled", "RequestLimitExceeded",
	"RequestThrottledException", "SlowDown", "PriorRequestNotComplete", "ProvisionedThroughputExceeded", "KMSThrottling"}

// Sort says what kind of trouble err is.
func Sort(err error) resource.Trouble {
	switch {
	case err == nil:
		return resource.Lasting
	case Is(err, "QueueDeletedRecently"):
		return resource.Recent
	case says(err, fresh...) && !refused(err), Is(err, unsettledKey...):
		return resource.Fresh
	case Is(err, throttled...), Is(err, "LimitExceeded") && says(err, "rate exceeded", "too many requests"):
		// Kinesis and Firehose also answer LimitExceededException to what no
		// patience helps: more than double the shards, the eleventh resize of
		// the day (trap 4). Only the text tells.
		return resource.Throttled
	case Is(err, "ResourceInUse", "ResourceConflict", "OperationAborted", "ConcurrentModification", "StateMachineDeleting",
		"ConflictException", "OptimisticLock", "DeleteConflict", "ConcurrentAccess") && !Exists(err):
		return resource.Busy
	case unavailable(err):
		return resource.Unavailable
	default:
		return resource.Lasting
	}
}

// refused reports whether err says that the caller, rather than a role that the
// caller handed over, may not do something: no patience helps.
func refused(err error) bool {
	return Is(err, "AccessDenied") && says(err, "is not authorized to perform:")
}

func unavailable(err error) bool {
	if Is(err, "InternalFailure", "InternalServerError", "InternalError", "ServiceUnavailable", "ServiceException", "KMSInternal", "DependencyTimeout", "RequestTimeout") {
		return true
	}
	// The SDK makes a response of status 0 of one that never came.
	if re, ok := errors.AsType[*awshttp.ResponseError](err); ok && re.HTTPStatusCode() != 0 {
		return re.HTTPStatusCode() >= http.StatusInternalServerError && re.HTTPStatusCode() != http.StatusNotImplemented
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// says reports whether err's message contains one of the texts, whatever the case.
func says(err error, texts ...string) bool {
	message := strings.ToLower(Message(err))
	for _, t := range texts {
		if strings.Contains(message, strings.ToLower(t)) {
			return true
		}
	}
	return false
}
