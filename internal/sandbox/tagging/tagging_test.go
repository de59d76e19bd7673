package tagging_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	tagapi "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

const arn = "arn:aws:logs:eu-west-1:000000000000:log-group:"

// get lists what matches, two at a time, as the ends of the ARNs.
func get(t *testing.T, c *tagapi.Client, in tagapi.GetResourcesInput) string {
	t.Helper()
	if in.ResourceARNList == nil {
		in.ResourcesPerPage = aws.Int32(2)
	}
	var names []string
	pages := tagapi.NewGetResourcesPaginator(c, &in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.ResourceTagMappingList {
			name := *m.ResourceARN
			if strings.Contains(name, ":kms:") {
				name = "key"
			}
			names = append(names, strings.TrimPrefix(name, arn))
		}
	}
	return strings.Join(names, " ")
}

func groups(t *testing.T, cfg aws.Config, tags map[string]map[string]string) *cloudwatchlogs.Client {
	t.Helper()
	c := cloudwatchlogs.NewFromConfig(cfg)
	for name, tags := range tags {
		if _, err := c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name, Tags: tags}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func filter(key string, values ...string) types.TagFilter {
	return types.TagFilter{Key: &key, Values: values}
}

func TestFilters(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	groups(t, cfg, map[string]map[string]string{
		"a": {"team": "red", "env": "prod"}, "b": {"team": "blue", "env": "prod"}, "c": {"team": "red"}, "d": {"team": "green", "env": ""}, "untagged": nil,
	})
	_, err := kms.NewFromConfig(cfg).CreateKey(t.Context(), &kms.CreateKeyInput{Tags: []kmstypes.Tag{{TagKey: aws.String("team"), TagValue: aws.String("red")}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = iam.NewFromConfig(cfg).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("r"),
		AssumeRolePolicyDocument: aws.String(`{"Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	c := tagapi.NewFromConfig(cfg)
	tests := []struct {
		in   tagapi.GetResourcesInput
		want string
	}{
		{tagapi.GetResourcesInput{}, "key a b c d"}, // and no role
		{tagapi.GetResourcesInput{TagFilters: []types.TagFilter{filter("team", "red")}}, "key a c"},
		{tagapi.GetResourcesInput{TagFilters: []types.TagFilter{filter("team", "red", "blue"), filter("env")}}, "a b"},
		{tagapi.GetResourcesInput{TagFilters: []types.TagFilter{filter("env", "")}}, "d"},
		{tagapi.GetResourcesInput{TagFilters: []types.TagFilter{filter("Team", "red")}}, ""},
		{tagapi.GetResourcesInput{ResourceTypeFilters: []string{"kms"}}, "key"},
		{tagapi.GetResourcesInput{ResourceTypeFilters: []string{"kms:alias", "logs:log-group"}}, "a b c d"},
		{tagapi.GetResourcesInput{ResourceARNList: []string{arn + "b", arn + "nowhere"}}, "b"},
	}
	for _, tt := range tests {
		if got := get(t, c, tt.in); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.in, got, tt.want)
		}
	}
	refused := []tagapi.GetResourcesInput{
		{ResourcesPerPage: aws.Int32(101)}, {TagsPerPage: aws.Int32(10)},
		{ResourceARNList: []string{arn + "b"}, TagFilters: []types.TagFilter{filter("team")}},
		{ResourceARNList: []string{arn + "b"}, ResourcesPerPage: aws.Int32(1)},
		{TagFilters: []types.TagFilter{{Values: []string{"red"}}}},
		{ExcludeCompliantResources: aws.Bool(true)},
	}
	for _, in := range refused {
		if _, err := c.GetResources(t.Context(), &in); !apierr.Is(err, "InvalidParameter") {
			t.Errorf("%+v: got %v, want InvalidParameterException", in, err)
		}
	}
	keys, err := c.GetTagKeys(t.Context(), &tagapi.GetTagKeysInput{})
	if err != nil || fmt.Sprint(keys.TagKeys) != "[env team]" {
		t.Errorf("got %v, %v", keys, err)
	}
	values, err := c.GetTagValues(t.Context(), &tagapi.GetTagValuesInput{Key: aws.String("team")})
	if err != nil || fmt.Sprint(values.TagValues) != "[blue green red]" {
		t.Errorf("got %v, %v", values, err)
	}
}

func TestChangesShowLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, cfg := sandboxtest.New(t, sandbox.Options{Timing: "aws"})
		logs := groups(t, cfg, map[string]map[string]string{"old": {"k": "1"}})
		c := tagapi.NewFromConfig(cfg)
		expect := func(when, filterValue, want string) {
			t.Helper()
			if got := get(t, c, tagapi.GetResourcesInput{TagFilters: []types.TagFilter{filter("k", filterValue)}}); got != want {
				t.Errorf("%s: got %q, want %q", when, got, want)
			}
		}
		expect("what is there at the first look", "1", "old")
		groups(t, cfg, map[string]map[string]string{"new": {"k": "1"}})
		expect("just made", "1", "old")
		time.Sleep(time.Minute)
		expect("made a minute ago", "1", "new old")
		if _, err := logs.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("old")}); err != nil {
			t.Fatal(err)
		}
		if _, err := logs.TagResource(t.Context(), &cloudwatchlogs.TagResourceInput{ResourceArn: aws.String(arn + "new"), Tags: map[string]string{"k": "2"}}); err != nil {
			t.Fatal(err)
		}
		expect("just deleted and retagged", "1", "new old")
		expect("just retagged", "2", "")
		time.Sleep(time.Minute)
		expect("deleted a minute ago", "1", "")
		expect("retagged a minute ago", "2", "new")
	})
}
