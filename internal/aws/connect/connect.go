// Package connect opens a session with AWS, or with something that stands in
// for it: whose credentials, which account, region and endpoints. It proves the
// account before anybody calls anything else, and turns what can go wrong into
// what to type next.
//
// Real AWS is reached exactly as any AWS client reaches it: shared files,
// environment, SSO, proxies, AWS_CA_BUNDLE and endpoint variables are the SDK's
// business. A sandbox is reached without any of these, and nothing else is.
package connect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// idleConnections is how many connections to one host are kept. The SDK's 10
// make a run of 20 resources at once open new ones all the time.
const idleConnections = 64

// Options say whom to connect to. The zero value is what the environment says.
type Options struct {
	Profile     string // of the shared files; "" leaves it to AWS_PROFILE
	Region      string // "" leaves it to AWS_REGION and the profile
	EndpointURL string // instead of AWS's, for every service; "" leaves it to AWS_ENDPOINT_URL and its kind
	// ExpectAccount is the account that it must be, "" for any.
	ExpectAccount string
	// Version of the program, for the User-Agent header.
	Version string
	// Log takes a record of every call and what the SDK says of its retries, all
	// for debugging, and in the SDK's own words why there are no credentials;
	// nil drops them. What matters comes back as an error.
	Log *slog.Logger
	// Sandbox, when set, is where to connect; Profile, Region and EndpointURL
	// are then not looked at.
	Sandbox *SandboxEndpoint
}

// SandboxEndpoint is a sandbox that listens on this machine.
type SandboxEndpoint struct {
	URL     string // http://127.0.0.1:4566
	Region  string
	Account string // that it pretends to be
	Timing  string // how long things take there: instant, fast or aws
}

// Session is an open connection: who we are, and where.
type Session struct {
	Config    aws.Config
	Account   string // 12 digits
	ARN       string // of the caller
	Region    string
	Partition string // of ARNs: aws, aws-cn, aws-us-gov
	// Endpoint is for people: "AWS", "sandbox http://127.0.0.1:4566", or the
	// address with the name of what set it.
	Endpoint string
	// PathStyle says that S3 is not AWS's own, so buckets are named in the path.
	PathStyle bool

	who *identity
}

// Open connects and asks who we are. Every failure is a fault.Denied with a
// hint, but for an address of a sandbox that is not on this machine, which is
// fault.Usage.
func Open(ctx context.Context, o Options) (Session, error) {
	s, err := o.session(ctx)
	if err != nil {
		return Session{}, err
	}
	s.Config.Logger, s.Config.ClientLogMode = o.logger(), aws.LogRetries
	s.Config.Retryer = patient(s.Config)
	s.Config.APIOptions = append(s.Config.APIOptions, awsmiddleware.AddUserAgentKeyValue("ccsctl", o.Version))
	if o.Log != nil {
		s.Config.APIOptions = append(s.Config.APIOptions, logCalls(o.Log))
	}
	s.Region = s.Config.Region
	who := &identity{profile: o.profile(), region: s.Region, endpoint: s.Endpoint}
	s.who = who
	if s.Region == "" {
		return Session{}, who.noRegion()
	}
	if _, err := s.Config.Credentials.Retrieve(ctx); err != nil {
		if o.Log != nil {
			o.Log.Info("aws credentials", "failed", err)
		}
		return Session{}, who.explainCredentials(ctx, err)
	}
	out, err := sts.NewFromConfig(s.Config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Session{}, who.explainCall(ctx, err)
	}
	s.Account, s.ARN = aws.ToString(out.Account), aws.ToString(out.Arn)
	if s.Partition, err = partition(s.ARN); err != nil {
		return Session{}, fault.As(fault.Denied, err, "check the endpoint: this is not AWS's answer")
	}
	if err := o.checkAccount(s, who); err != nil {
		return Session{}, err
	}
	return s, nil
}

// logger is Log as the SDK wants it.
func (o Options) logger() logging.Logger {
	if o.Log == nil {
		return logging.Nop{}
	}
	return logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) {
		o.Log.Debug("aws sdk: " + fmt.Sprintf(format, v...))
	})
}

// partition is the second part of an ARN.
func partition(arn string) (string, error) {
	parts := strings.SplitN(arn, ":", 3)
	if len(parts) < 3 || parts[0] != "arn" || parts[1] == "" {
		return "", fmt.Errorf("%q is not the ARN of a caller", arn)
	}
	return parts[1], nil
}

func (o Options) checkAccount(s Session, who *identity) error {
	if o.Sandbox != nil && s.Account != o.Sandbox.Account {
		return fault.As(fault.Denied, fmt.Errorf("what answers at %s is account %s and no sandbox", o.Sandbox.URL, s.Account), "stop it, or run 'ccsctl sandbox stop' and try again")
	}
	if o.ExpectAccount != "" && s.Account != o.ExpectAccount {
		hint := "choose the profile of that account with --profile" + who.current()
		if o.Sandbox != nil {
			hint = "leave out --sandbox to work in an account, or --expect-account to work in the sandbox"
		}
		return fault.As(fault.Denied, fmt.Errorf("this is account %s (%s), not the expected %s", s.Account, s.ARN, o.ExpectAccount), hint)
	}
	return nil
}

// profile is the one that the SDK uses.
func (o Options) profile() string {
	for _, p := range []string{o.Profile, os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE")} {
		if p != "" {
			return p
		}
	}
	return ""
}

func (o Options) session(ctx context.Context) (Session, error) {
	if o.Sandbox != nil {
		return o.Sandbox.session()
	}
	load := []func(*config.LoadOptions) error{config.WithRegion(o.Region), config.WithLogger(o.logger())}
	if o.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.Profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return Session{}, (&identity{profile: o.profile()}).explainConfig(err)
	}
	keepConnections(&cfg)
	nameOfOld(&cfg)
	s := Session{}
	if o.EndpointURL != "" {
		// Without this AWS_ENDPOINT_URL_KINESIS and its like would win over
		// what was asked for on the command line.
		cfg.ConfigSources = append([]any{ignoreEndpoints{}}, cfg.ConfigSources...)
		cfg.BaseEndpoint = &o.EndpointURL
		s.Endpoint, s.PathStyle = o.EndpointURL+" (--endpoint-url)", true
	} else {
		s.Endpoint, s.PathStyle = endpoints(ctx, cfg)
	}
	if s.PathStyle {
		// What stands in for S3 seldom knows the checksums that the SDK would
		// otherwise add to every upload.
		cfg.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	}
	s.Config = cfg
	return s, nil
}

// keepConnections widens the SDK's own HTTP client, which keeps AWS_CA_BUNDLE
// and the proxies that it was made with. Anything else is somebody's choice.
func keepConnections(cfg *aws.Config) {
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = awshttp.NewBuildableClient()
	}
	if c, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		cfg.HTTPClient = wholeClient{c.WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = idleConnections })}
	}
}

// nameOfOld keeps Kinesis at kinesis.<region>.amazonaws.com unless the user asks
// otherwise. With credentials that know their account the SDK would go to
// <account>.control-kinesis.<region>, which proxies and VPC endpoints made for
// the old name do not let through (trap 40).
func nameOfOld(cfg *aws.Config) {
	for _, source := range cfg.ConfigSources {
		switch source := source.(type) {
		case config.EnvConfig:
			if source.AccountIDEndpointMode != aws.AccountIDEndpointModeUnset {
				return
			}
		case config.SharedConfig:
			if source.AccountIDEndpointMode != aws.AccountIDEndpointModeUnset {
				return
			}
		}
	}
	cfg.AccountIDEndpointMode = aws.AccountIDEndpointModeDisabled
}

// ignoreEndpoints is a configuration source that says that no other source's
// endpoints count.
type ignoreEndpoints struct{}

// GetIgnoreConfiguredEndpoints is what the SDK asks of its sources.
func (ignoreEndpoints) GetIgnoreConfiguredEndpoints(context.Context) (value, found bool, err error) {
	return true, true, nil
}

// services are those that the pipeline uses, by the names that their endpoint
// variables are made of.
var services = []string{
	"CloudWatch", "CloudWatch Logs", "Firehose", "Glue", "IAM", "Kinesis", "KMS", "Lambda",
	"Resource Groups Tagging API", "S3", "SFN", "SNS", "SQS", "STS",
}

// endpoints says for people where calls go, and whether S3's go elsewhere than
// to AWS.
func endpoints(ctx context.Context, cfg aws.Config) (text string, s3 bool) {
	if ignored, found, err := config.GetIgnoreConfiguredEndpoints(ctx, cfg.ConfigSources); err == nil && found && ignored {
		return "AWS", false
	}
	var set []string
	_, global := os.LookupEnv("AWS_ENDPOINT_URL")
	if cfg.BaseEndpoint != nil {
		s3 = true
		origin := "endpoint_url of the profile"
		if global {
			origin = "AWS_ENDPOINT_URL"
		}
		set = append(set, fmt.Sprintf("%s (%s)", *cfg.BaseEndpoint, origin))
	}
	for _, id := range services {
		variable := "AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(id, " ", "_"))
		origin := variable
		if _, own := os.LookupEnv(variable); !own {
			if global {
				continue // which the SDK takes before the profile's
			}
			origin = id + " in the profile"
		}
		url, err := serviceEndpoint(ctx, cfg, id)
		if err != nil || url == "" {
			continue
		}
		s3 = s3 || id == "S3"
		set = append(set, fmt.Sprintf("%s (%s)", url, origin))
	}
	if len(set) == 0 {
		return "AWS", false
	}
	return strings.Join(set, ", "), s3
}

func serviceEndpoint(ctx context.Context, cfg aws.Config, id string) (string, error) {
	for _, source := range cfg.ConfigSources {
		p, ok := source.(interface {
			GetServiceBaseEndpoint(ctx context.Context, sdkID string) (string, bool, error)
		})
		if !ok {
			continue
		}
		if url, found, err := p.GetServiceBaseEndpoint(ctx, id); err != nil || found {
			return url, err
		}
	}
	return "", nil
}

// errNoRegion is the SDK's failure at the first call, met before it.
var errNoRegion = errors.New("no AWS region is set")
