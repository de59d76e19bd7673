package workflow_test

import (
	"flag"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/aws/workflow"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	name   = "ccs-test-emergency"
	arn    = "arn:aws:states:" + sandbox.Region + ":" + sandbox.Account + ":stateMachine:" + name
	role   = "arn:aws:iam::" + sandbox.Account + ":role/emergency"
	other  = "arn:aws:iam::" + sandbox.Account + ":role/other"
	theirs = `{"StartAt":"X","States":{"X":{"Type":"Succeed"}}}`
)

func topics() workflow.Topics {
	topic := "arn:aws:sns:" + sandbox.Region + ":" + sandbox.Account + ":ccs-test-"
	return workflow.Topics{Authorities: topic + "authorities-alerts", Owners: topic + "owner-alerts", Managers: topic + "manager-notifications", Alarms: topic + "alarms"}
}

func spec() workflow.Spec {
	return workflow.Spec{
		Name: "emergency", MachineName: name, ARN: arn, RoleARN: role, Definition: workflow.Definition(topics()),
		Owner: resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}},
	}
}

func TestLifecycle(t *testing.T) {
	update := func(in *sfn.UpdateStateMachineInput) func(*testing.T, aws.Config) {
		return func(t *testing.T, cfg aws.Config) {
			in.StateMachineArn = aws.String(arn)
			_, err := sfn.NewFromConfig(cfg).UpdateStateMachine(t.Context(), in)
			must(t, err)
		}
	}
	resourcetest.Lifecycle(t, resourcetest.Case{
		New:   func(cfg aws.Config) resource.Resource { return workflow.New(cfg, spec()) },
		Setup: roles,
		Foreign: func(t *testing.T, cfg aws.Config) {
			must(t, resource.Sleep(t.Context(), bornRoles))
			create(t, cfg, &sfn.CreateStateMachineInput{Definition: aws.String(theirs)})
		},
		Drift: map[string]func(*testing.T, aws.Config){
			"definition": update(&sfn.UpdateStateMachineInput{Definition: aws.String(theirs)}),
			"role":       update(&sfn.UpdateStateMachineInput{RoleArn: aws.String(other)}),
			"tags.Team": func(t *testing.T, cfg aws.Config) {
				_, err := sfn.NewFromConfig(cfg).TagResource(t.Context(), &sfn.TagResourceInput{ResourceArn: aws.String(arn), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("x")}}})
				must(t, err)
			},
			"type": func(t *testing.T, cfg aws.Config) {
				client := sfn.NewFromConfig(cfg)
				_, err := client.DeleteStateMachine(t.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: aws.String(arn)})
				must(t, err)
				must(t, resource.Sleep(t.Context(), bornRoles))
				create(t, cfg, &sfn.CreateStateMachineInput{Type: types.StateMachineTypeExpress, Tags: marks()})
			},
		},
	})
}

// bornRoles is more than any role takes to spread and any machine to go.
const bornRoles = time.Minute

// AWS answers the creation of a machine that is there, with the same
// definition, with success: neither role nor tags are taken over (trap 25).
func TestCreateIsNotFooledByAMachineThatAppearedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{})
		roles(t, cfg)
		w := workflow.New(cfg, spec())
		c, err := w.Diff(t.Context())
		must(t, err)
		create(t, cfg, &sfn.CreateStateMachineInput{Definition: aws.String(spec().Definition), RoleArn: aws.String(other)})
		must(t, c.Steps[0].Do(t.Context()))
		if err := c.Steps[0].Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "appeared meanwhile") {
			t.Errorf("the wait gives %v", err)
		}
		if c, err = w.Diff(t.Context()); err != nil || c.Action != resource.Conflict {
			t.Errorf("then Diff gives %v, %v, want a conflict", c.Action, err)
		}
	})
}

func TestReformattedDefinitionIsNoDrift(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	roles(t, cfg)
	create(t, cfg, &sfn.CreateStateMachineInput{Definition: aws.String(" \n" + spec().Definition + "\n"), RoleArn: aws.String(role), Tags: marks()})
	c, err := workflow.New(cfg, spec()).Diff(t.Context())
	must(t, err)
	if c.Action != resource.None {
		t.Errorf("got %s %v", c.Action, c.Attributes)
	}
}

func TestDefinition(t *testing.T) {
	const golden = "testdata/definition.json"
	got := workflow.Definition(topics()) + "\n"
	if *update {
		must(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	out, err := sfn.NewFromConfig(cfg).ValidateStateMachineDefinition(t.Context(), &sfn.ValidateStateMachineDefinitionInput{Definition: &got})
	must(t, err)
	for _, d := range out.Diagnostics {
		t.Errorf("%s: %s at %s", *d.Code, *d.Message, *d.Location)
	}
}

func create(t *testing.T, cfg aws.Config, in *sfn.CreateStateMachineInput) {
	t.Helper()
	in.Name = aws.String(name)
	if in.RoleArn == nil {
		in.RoleArn = aws.String(role)
	}
	if in.Definition == nil {
		in.Definition = aws.String(spec().Definition)
	}
	_, err := sfn.NewFromConfig(cfg).CreateStateMachine(t.Context(), in)
	must(t, err)
}

func marks() []types.Tag {
	var tags []types.Tag
	for k, v := range spec().Owner.Tags() {
		tags = append(tags, types.Tag{Key: &k, Value: &v})
	}
	return tags
}

func roles(t *testing.T, cfg aws.Config) {
	t.Helper()
	for _, name := range []string{"emergency", "other"} {
		_, err := iam.NewFromConfig(cfg).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
		must(t, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
