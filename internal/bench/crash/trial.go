package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"github.com/ccs-platform/ccsctl/internal/bench/program"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// The commands, as people run them.
var (
	up      = []string{"up", "--sandbox", "--yes", "-c", "streaming.tf"}
	down    = []string{"down", "--sandbox", "--confirm=prod", "-c", "streaming.tf"}
	settled = []string{"plan", "--sandbox", "--exit-code", "-c", "streaming.tf"}
)

// holdWithin bounds the wait for a call that must come.
const holdWithin = 30 * time.Second

// trials are runs of one program, each in a world of its own.
type trials struct {
	program program.Program
	dir     string
	want    census // after an undisturbed up
}

// world runs f in a new world with a sandbox and ends both.
func (t *trials) world(ctx context.Context, f func(program.World, *sandboxed) error) error {
	w, err := t.program.NewWorld(t.dir)
	if err != nil {
		return err
	}
	s, err := w.Serve(ctx, "instant")
	if err != nil {
		return err
	}
	session, err := s.Session(ctx)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	err = f(w, &sandboxed{s, session.Config})
	if client, ok := session.Config.HTTPClient.(*http.Client); ok {
		client.CloseIdleConnections() // or the sandbox waits for them at its end
	}
	return errors.Join(err, s.Close())
}

// sandboxed is a sandbox with the means to look into it.
type sandboxed struct {
	*program.Sandbox
	aws aws.Config
}

// undisturbed runs up and down and counts their mutating calls and what up
// makes.
func (t *trials) undisturbed(ctx context.Context) (ups, downs int, err error) {
	return ups, downs, t.world(ctx, func(w program.World, s *sandboxed) error {
		if _, err := w.Want(ctx, up...); err != nil {
			return err
		}
		if ups, err = s.mutating(ctx); err != nil {
			return err
		}
		if t.want, err = s.census(ctx); err != nil {
			return err
		}
		if t.want.keys != 1 || t.want.mappings != 3 {
			return fmt.Errorf("up makes %v", t.want)
		}
		// Killed after the last call is this: nothing is left to do.
		if err := s.Reset(ctx); err != nil {
			return err
		}
		if _, err := w.Want(ctx, up...); err != nil {
			return err
		}
		if n, err := s.mutating(ctx); err != nil {
			return err
		} else if n != 0 {
			return fmt.Errorf("a second up makes %d mutating calls", n)
		}
		if err := t.gone(ctx, w, s); err != nil {
			return err
		}
		downs, err = s.mutating(ctx)
		return err
	})
}

// trial kills a command at a call and runs it again.
func (t *trials) trial(ctx context.Context, k kill) error {
	return t.world(ctx, func(w program.World, s *sandboxed) error {
		if k.verb == "down" {
			if _, err := w.Want(ctx, up...); err != nil {
				return err
			}
			if err := s.kill(ctx, w, k.call, down); err != nil {
				return err
			}
			return t.gone(ctx, w, s)
		}
		if err := s.kill(ctx, w, k.call, up); err != nil {
			return err
		}
		if _, err := w.Want(ctx, up...); err != nil {
			return err
		}
		if _, err := w.Want(ctx, settled...); err != nil {
			return err
		}
		return s.expect(ctx, t.want)
	})
}

// gone takes the pipeline down and checks that it is.
func (t *trials) gone(ctx context.Context, w program.World, s *sandboxed) error {
	r, err := w.Want(ctx, append(down, "-o", "json")...)
	if err != nil {
		return err
	}
	if !strings.Contains(r.Stdout, `"left": []`) {
		return fmt.Errorf("down proves nothing:\n%s", r.Stdout)
	}
	return s.expect(ctx, census{})
}

// kill starts a command and kills it while its n-th mutating call is under way.
// That call and all later ones have no effect.
func (s *sandboxed) kill(ctx context.Context, w program.World, n int, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, holdWithin)
	defer cancel()
	if err := s.Fault(ctx, sandbox.Fault{Mutating: true, After: n - 1, Hold: true}); err != nil {
		return err
	}
	run, err := w.Start(ctx, args...)
	if err != nil {
		return err
	}
	for {
		faults, err := s.Faults(ctx)
		if err != nil {
			return errors.Join(err, run.Kill())
		}
		if len(faults) == 1 && faults[0].Held > 0 {
			break
		}
		if run.Ended() {
			r, err := run.Wait()
			return errors.Join(err, fmt.Errorf("%w: exit code %d\n%s", errNotKilled, r.Code, r.Stderr))
		}
		time.Sleep(2 * time.Millisecond)
	}
	if err := run.Kill(); err != nil {
		return err
	}
	r, err := run.Wait()
	if err != nil {
		return err
	}
	if r.Code != -1 {
		return fmt.Errorf("not killed: exit code %d\n%s", r.Code, r.Stderr)
	}
	return s.ClearFaults(ctx)
}

func (s *sandboxed) mutating(ctx context.Context) (int, error) {
	counts, err := s.Calls(ctx)
	return counts.Mutating, err
}

// census is what there is of the pipeline, as AWS's own APIs count it.
type census struct {
	tagged   int // but for keys that wait for their end
	keys     int // enabled ones
	mappings int
}

func (c census) String() string {
	return fmt.Sprintf("%d tagged things, %d enabled keys, %d mappings", c.tagged, c.keys, c.mappings)
}

// expect is an error unless there is what is wanted and nothing else.
func (s *sandboxed) expect(ctx context.Context, want census) error {
	got, err := s.census(ctx)
	if err == nil && got != want {
		err = fmt.Errorf("%v, want %v", got, want)
	}
	return err
}

func (s *sandboxed) census(ctx context.Context) (c census, err error) {
	ending := map[string]bool{}
	client := kms.NewFromConfig(s.aws)
	for pages := kms.NewListKeysPaginator(client, &kms.ListKeysInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return c, err
		}
		for _, k := range page.Keys {
			out, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: k.KeyArn})
			if err != nil {
				return c, err
			}
			switch out.KeyMetadata.KeyState {
			case types.KeyStateEnabled:
				c.keys++
			case types.KeyStatePendingDeletion:
				ending[aws.ToString(k.KeyArn)] = true
			}
		}
	}
	for pages := resourcegroupstaggingapi.NewGetResourcesPaginator(resourcegroupstaggingapi.NewFromConfig(s.aws), &resourcegroupstaggingapi.GetResourcesInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return c, err
		}
		for _, r := range page.ResourceTagMappingList {
			if !ending[aws.ToString(r.ResourceARN)] {
				c.tagged++
			}
		}
	}
	for pages := lambda.NewListEventSourceMappingsPaginator(lambda.NewFromConfig(s.aws), &lambda.ListEventSourceMappingsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return c, err
		}
		c.mappings += len(page.EventSourceMappings)
	}
	return c, nil
}
