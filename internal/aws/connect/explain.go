package connect

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

// identity is what hints name.
type identity struct {
	profile  string // "" for none
	region   string
	endpoint string
}

// flag is how the profile is given to a command of the AWS CLI.
func (i *identity) flag() string {
	if i.profile == "" {
		return ""
	}
	return " --profile " + i.profile
}

// current is a clause that says which profile is in use.
func (i *identity) current() string {
	if i.profile == "" {
		return ""
	}
	return fmt.Sprintf(" (now %s)", i.profile)
}

// whose are the credentials, for people.
func (i *identity) whose() string {
	if i.profile == "" {
		return "your credentials"
	}
	return "the credentials of profile " + i.profile
}

func denied(err error, format string, args ...any) error {
	return fault.As(fault.Denied, err, fmt.Sprintf(format, args...))
}

func (i *identity) noRegion() error {
	return denied(errNoRegion, "pass --region, set AWS_REGION, or run 'aws configure set region REGION%s'", i.flag())
}

// explainConfig is about a failure to read the shared files.
func (i *identity) explainConfig(err error) error {
	switch {
	case is[config.SharedConfigProfileNotExistError](err):
		return denied(fmt.Errorf("there is no profile %s: %w", i.profile, err), "choose one that 'aws configure list-profiles' lists, or make it with 'aws configure%s'", i.flag())
	case is[config.SharedConfigAssumeRoleError](err), is[config.CredentialRequiresARNError](err), is[config.SharedConfigLoadError](err):
		return denied(err, "correct ~/.aws/config and ~/.aws/credentials")
	default:
		return denied(err, "check ~/.aws/config and the AWS_ variables of the environment")
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// errNoCredentials stands for what the SDK says when nothing gave it any. Its
// chain ends with the metadata service of EC2, so its own words are about a
// machine that hardly anybody is on.
var errNoCredentials = errors.New("no AWS credentials were found")

// explainCredentials is about a failure to get hold of any credentials. The SDK
// has types for few of these; the rest only its words tell.
func (i *identity) explainCredentials(ctx context.Context, err error) error {
	text := err.Error()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case is[*ssocreds.InvalidTokenError](err), strings.Contains(text, "SSO token"),
		apierr.Is(err, "UnauthorizedException", "InvalidGrantException") && strings.Contains(text, "SSO"):
		return denied(fmt.Errorf("the SSO session is over: %w", err), "run 'aws sso login%s'", i.flag())
	case strings.Contains(text, "please reauthenticate"), strings.Contains(text, "login token"):
		return denied(fmt.Errorf("the login session is over: %w", err), "run 'aws login%s'", i.flag())
	case is[*processcreds.ProviderError](err):
		return denied(err, "run the credential_process of the profile by hand and put it right")
	case apierr.Expired(err):
		return i.expired(err)
	case strings.Contains(text, "no EC2 IMDS role found"), strings.Contains(text, "static credentials are empty"):
		return denied(errNoCredentials, "run 'aws configure%s' or 'aws configure sso', choose a profile with --profile, or use --sandbox, which needs none", i.flag())
	case apierr.Denied(err) && strings.Contains(text, "AssumeRole"):
		return denied(err, "check that %s may take the role and that its trust policy lets them", i.whose())
	case unreachable(err):
		return i.unreachable(err)
	default:
		return denied(err, "check %s with 'aws sts get-caller-identity%s'", i.whose(), i.flag())
	}
}

// explainCall is about a failure of the first call, made with credentials.
func (i *identity) explainCall(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case apierr.Expired(err):
		return i.expired(err)
	case apierr.Is(err, "InvalidClientTokenId", "UnrecognizedClient", "InvalidAccessKeyId"):
		return denied(err, "check %s: AWS does not know the access key, or not in %s", i.whose(), i.region)
	case apierr.Is(err, "SignatureDoesNotMatch", "RequestTimeTooSkewed", "InvalidSignature"):
		return denied(err, "check the secret key of %s and this machine's clock", i.whose())
	case is[*smithy.DeserializationError](err):
		return denied(fmt.Errorf("what answers is not AWS: %w", err), "check the endpoint (%s) and the proxy", i.endpoint)
	case unreachable(err):
		return i.unreachable(err)
	default:
		return denied(err, "check %s with 'aws sts get-caller-identity%s'", i.whose(), i.flag())
	}
}

func (i *identity) expired(err error) error {
	return denied(fmt.Errorf("the session of these credentials is over: %w", err), "get new ones: 'aws sso login%s', or whatever sets AWS_SESSION_TOKEN", i.flag())
}

func unreachable(err error) bool {
	return is[net.Error](err) || is[*url.Error](err) || is[x509.UnknownAuthorityError](err)
}

func (i *identity) unreachable(err error) error {
	switch {
	case is[x509.UnknownAuthorityError](err):
		return denied(err, "set AWS_CA_BUNDLE to the certificates of your proxy")
	case i.endpoint != "AWS" && i.endpoint != "":
		return denied(fmt.Errorf("nothing answers at %s: %w", i.endpoint, err), "start what should listen there, or take the endpoint away")
	default:
		return denied(fmt.Errorf("AWS can not be reached in %s: %w", i.region, err), "check the region's name, the network, and HTTPS_PROXY")
	}
}
