package connect

import (
	"cmp"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// attempts is how often a call is tried unless the person's configuration says
// otherwise. The SDK's three are few where 42 resources are read at once and
// some of AWS's describe calls take five a second (trap 38).
const attempts = 6

// longestPause is the most that the SDK waits between two attempts of a call.
// Its own 20 s would keep a person waiting who pressed Ctrl-C.
const longestPause = 5 * time.Second

// patient makes the retryer that the configuration asks for (AWS_RETRY_MODE,
// AWS_MAX_ATTEMPTS, the profile), which gives up once the work it is for is to
// stop.
func patient(cfg aws.Config) func() aws.Retryer {
	return func() aws.Retryer {
		standard := func(o *retry.StandardOptions) {
			o.MaxBackoff = longestPause
			o.MaxAttempts = cmp.Or(cfg.RetryMaxAttempts, attempts)
		}
		if cfg.RetryMode == aws.RetryModeAdaptive {
			return stoppable{retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
				o.StandardOptions = append(o.StandardOptions, standard)
			})}
		}
		return stoppable{retry.NewStandard(standard)}
	}
}

// stoppable tries no call again for work that is to stop. The attempt that is
// under way then is the last.
type stoppable struct{ aws.RetryerV2 }

func (s stoppable) GetRetryToken(ctx context.Context, failure error) (release func(error) error, err error) {
	if stopped := resource.Stopped(ctx); stopped != nil {
		return nil, failure
	}
	return s.RetryerV2.GetRetryToken(ctx, failure)
}
