package stepfunctions_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

const (
	role     = "arn:aws:iam::" + sandbox.Account + ":role/"
	machines = "arn:aws:states:" + sandbox.Region + ":" + sandbox.Account + ":stateMachine:"
	first    = `{"StartAt":"X","States":{"X":{"Type":"Succeed"}}}`
	second   = `{"StartAt":"Y","States":{"Y":{"Type":"Succeed"}}}`
)

func world(t *testing.T, timing string) *sfn.Client {
	t.Helper()
	_, cfg := sandboxtest.New(t, sandbox.Options{Timing: timing})
	for name, service := range map[string]string{"one": "states", "two": "states", "notstates": "lambda"} {
		_, err := iam.NewFromConfig(cfg).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(fmt.Sprintf(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"%s.amazonaws.com"},"Action":"sts:AssumeRole"}]}`, service))})
		must(t, err)
	}
	return sfn.NewFromConfig(cfg)
}

func valid() *sfn.CreateStateMachineInput {
	return &sfn.CreateStateMachineInput{Name: aws.String("m"), Definition: aws.String(first), RoleArn: aws.String(role + "one")}
}

func TestRefusals(t *testing.T) {
	client := world(t, "instant")
	_, err := client.CreateStateMachine(t.Context(), valid())
	must(t, err)
	tag := func(k, v string) func(*sfn.CreateStateMachineInput) {
		return func(in *sfn.CreateStateMachineInput) {
			in.Name, in.Tags = aws.String("new"), []types.Tag{{Key: &k, Value: &v}}
		}
	}
	tests := map[string]struct {
		change     func(*sfn.CreateStateMachineInput)
		code, says string
	}{
		"another definition": {func(in *sfn.CreateStateMachineInput) { in.Definition = aws.String(second) }, "StateMachineAlreadyExists", "State Machine Already Exists: '" + machines + "m'"},
		"another type":       {func(in *sfn.CreateStateMachineInput) { in.Type = types.StateMachineTypeExpress }, "StateMachineAlreadyExists", ""},
		"name":               {func(in *sfn.CreateStateMachineInput) { in.Name = aws.String("a b") }, "InvalidName", "Invalid Name: 'a b'"},
		"long name":          {func(in *sfn.CreateStateMachineInput) { in.Name = aws.String(strings.Repeat("x", 81)) }, "ValidationException", "name"},
		"role of others": {func(in *sfn.CreateStateMachineInput) {
			in.Name, in.RoleArn = aws.String("new"), aws.String(role+"notstates")
		}, "AccessDeniedException", "authorized to assume the provided role"},
		"tag":        {tag("x", "a,b"), "ValidationException", "Unicode letters"},
		"system tag": {tag("aws:x", ""), "ValidationException", "aws:"},
		"no JSON":    {func(in *sfn.CreateStateMachineInput) { in.Definition = aws.String("{") }, "InvalidDefinition", "INVALID_JSON_DESCRIPTION"},
		"logging": {func(in *sfn.CreateStateMachineInput) {
			in.LoggingConfiguration = &types.LoggingConfiguration{Level: types.LogLevelAll}
		}, "UnsupportedOperationException", "logging"},
	}
	for name, test := range tests {
		in := valid()
		test.change(in)
		_, err := client.CreateStateMachine(t.Context(), in)
		refused(t, name, err, test.code, test.says)
	}
	_, err = client.UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{StateMachineArn: aws.String(machines + "m")})
	refused(t, "empty update", err, "MissingRequiredParameter", "Either the definition, the role ARN")
	_, err = client.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(machines + "x")})
	refused(t, "unknown", err, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"+machines+"x'")
	_, err = client.TagResource(t.Context(), &sfn.TagResourceInput{ResourceArn: aws.String(machines + "x"), Tags: []types.Tag{}})
	refused(t, "tags of an unknown", err, "ResourceNotFound", machines+"x")
	_, err = client.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String("m")})
	refused(t, "no ARN", err, "InvalidArn", "Invalid Arn: 'm'")
	_, err = client.DeleteStateMachine(t.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: aws.String(machines + "x")})
	must(t, err) // AWS has nothing against it
}

// Creating what is there already succeeds, and changes neither role nor tags
// (trap 25).
func TestCreateAgainIgnoresRoleAndTags(t *testing.T) {
	client := world(t, "instant")
	in := valid()
	made, err := client.CreateStateMachine(t.Context(), in)
	must(t, err)
	in.RoleArn, in.Tags = aws.String(role+"two"), []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}
	again, err := client.CreateStateMachine(t.Context(), in)
	must(t, err)
	if *again.StateMachineArn != *made.StateMachineArn || !again.CreationDate.Equal(*made.CreationDate) {
		t.Errorf("got %s of %s, want the first one", *again.StateMachineArn, again.CreationDate)
	}
	live, err := client.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: made.StateMachineArn})
	must(t, err)
	tags, err := client.ListTagsForResource(t.Context(), &sfn.ListTagsForResourceInput{ResourceArn: made.StateMachineArn})
	must(t, err)
	if *live.RoleArn != role+"one" || len(tags.Tags) != 0 {
		t.Errorf("role %s, tags %v: want those of the first call", *live.RoleArn, tags.Tags)
	}
}

func TestDeletionHoldsTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := world(t, "aws")
		_, err := client.CreateStateMachine(t.Context(), valid())
		refused(t, "fresh role", err, "AccessDeniedException", "authorized to assume")
		time.Sleep(time.Minute)
		made, err := client.CreateStateMachine(t.Context(), valid())
		must(t, err)
		for range 2 { // a second deletion does not start anew
			_, err = client.DeleteStateMachine(t.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: made.StateMachineArn})
			must(t, err)
			live, err := client.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: made.StateMachineArn})
			must(t, err)
			if live.Status != types.StateMachineStatusDeleting {
				t.Errorf("got %s, want DELETING", live.Status)
			}
			_, err = client.CreateStateMachine(t.Context(), valid())
			refused(t, "early create", err, "StateMachineDeleting", "State Machine is being deleted: '"+machines+"m'")
			_, err = client.UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{StateMachineArn: made.StateMachineArn, RoleArn: aws.String(role + "two")})
			refused(t, "update", err, "StateMachineDeleting", "")
			time.Sleep(10 * time.Second)
		}
		_, err = client.CreateStateMachine(t.Context(), valid())
		must(t, err)
	})
}

func refused(t *testing.T, what string, err error, code, says string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), says) {
		t.Errorf("%s: got %v, want %s with %q", what, err, code, says)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
