package logs_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func client(t *testing.T) *cloudwatchlogs.Client {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	c := cloudwatchlogs.NewFromConfig(cfg)
	_, err := c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("g"), Tags: map[string]string{"k": "v"}})
	must(t, err)
	_, err = c.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s")})
	must(t, err)
	return c
}

func TestRefusals(t *testing.T) {
	c := client(t)
	ctx := t.Context()
	arn := "arn:aws:logs:eu-west-1:000000000000:log-group:g"
	create := func(in cloudwatchlogs.CreateLogGroupInput) error {
		_, err := c.CreateLogGroup(ctx, &in)
		return err
	}
	retain := func(group string, days int32) error {
		_, err := c.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &group, RetentionInDays: &days})
		return err
	}
	stream := func(group, name string) error {
		_, err := c.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &name})
		return err
	}
	put := func(times ...time.Time) error {
		in := &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s")}
		for _, at := range times {
			in.LogEvents = append(in.LogEvents, types.InputLogEvent{Message: aws.String("x"), Timestamp: aws.Int64(at.UnixMilli())})
		}
		_, err := c.PutLogEvents(ctx, in)
		return err
	}
	tag := func(arn string, tags map[string]string) error {
		_, err := c.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: tags})
		return err
	}
	many := map[string]string{}
	for i := range 50 {
		many[fmt.Sprint("t", i)] = ""
	}
	_, both := c.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("g"), LogGroupNamePattern: aws.String("g")})
	_, order := c.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("g"), LogStreamNamePrefix: aws.String("s"), OrderBy: types.OrderByLastEventTime})
	_, nowhere := c.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{})
	must(t, create(cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("kept"), DeletionProtectionEnabled: aws.Bool(true)}))
	_, kept := c.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("kept")})
	now := time.Now()
	tests := map[string]struct {
		err  error
		code string
	}{
		"a group that is there":       {create(cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("g")}), "ResourceAlreadyExists"},
		"a group of AWS's":            {create(cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("aws/g")}), "InvalidParameter"},
		"a name with a space":         {create(cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("a g")}), "InvalidParameter"},
		"a key that is not there":     {create(cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("k"), KmsKeyId: aws.String("arn:aws:kms:eu-west-1:000000000000:key/x")}), "InvalidParameter"},
		"ten days":                    {retain("g", 10), "InvalidParameter"},
		"retention of nothing":        {retain("h", 14), "ResourceNotFound"},
		"a stream twice":              {stream("g", "s"), "ResourceAlreadyExists"},
		"a stream of nothing":         {stream("h", "s"), "ResourceNotFound"},
		"a stream with a colon":       {stream("g", "a:b"), "InvalidParameter"},
		"events out of order":         {put(now, now.Add(-time.Second)), "InvalidParameter"},
		"events of two days":          {put(now.Add(-25*time.Hour), now), "InvalidParameter"},
		"tags by the other ARN":       {tag(arn+":*", map[string]string{"a": ""}), "InvalidParameter"},
		"a tag too many":              {tag(arn, many), "TooManyTags"},
		"a tag of AWS's":              {tag(arn, map[string]string{"aws:x": ""}), "InvalidParameter"},
		"prefix and pattern":          {both, "InvalidParameter"},
		"streams by prefix and time":  {order, "InvalidParameter"},
		"streams of no group":         {nowhere, "InvalidParameter"},
		"deletion of what is guarded": {kept, "ValidationException"},
	}
	for name, tt := range tests {
		if !apierr.Is(tt.err, tt.code) {
			t.Errorf("%s: got %v, want %s", name, tt.err, tt.code)
		}
	}
}

func TestDescribeGivesBothARNsAndPages(t *testing.T) {
	c := client(t)
	for i := range 60 {
		_, err := c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(fmt.Sprintf("/p/%02d", i))})
		must(t, err)
	}
	var names []string
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(c, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/p/")})
	for n := 0; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, g := range page.LogGroups {
			names = append(names, *g.LogGroupName)
			if *g.Arn != *g.LogGroupArn+":*" || g.RetentionInDays != nil {
				t.Errorf("got %s, %s, retention %v", *g.Arn, *g.LogGroupArn, g.RetentionInDays)
			}
		}
	}
	if len(names) != 60 || names[0] != "/p/00" || names[59] != "/p/59" {
		t.Errorf("got %d groups: %s", len(names), strings.Join(names, " "))
	}
}

func TestEventsAreReadBackInOrderAndStaleOnesRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t)
		now := time.Now()
		event := func(message string, at time.Time) types.InputLogEvent {
			return types.InputLogEvent{Message: &message, Timestamp: aws.Int64(at.UnixMilli())}
		}
		group, stream := aws.String("g"), aws.String("s")
		put := func(events ...types.InputLogEvent) *cloudwatchlogs.PutLogEventsOutput {
			out, err := c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream, LogEvents: events})
			must(t, err)
			return out
		}
		put(event("3", now), event("4", now.Add(time.Second)))
		put(event("1", now.Add(-2*time.Second)), event("2", now.Add(-time.Second)))
		if r := put(event("late", now.Add(-15*24*time.Hour))).RejectedLogEventsInfo; r == nil || aws.ToInt32(r.TooOldLogEventEndIndex) != 1 {
			t.Errorf("an event of a fortnight ago: %v", r)
		}
		if r := put(event("4", now.Add(time.Second)), event("early", now.Add(3*time.Hour))).RejectedLogEventsInfo; r == nil || aws.ToInt32(r.TooNewLogEventStartIndex) != 1 {
			t.Errorf("an event of three hours ahead: %v", r)
		}
		var got []string
		pages := cloudwatchlogs.NewGetLogEventsPaginator(c, &cloudwatchlogs.GetLogEventsInput{LogGroupName: group, LogStreamName: stream, StartFromHead: aws.Bool(true), Limit: aws.Int32(2)},
			func(o *cloudwatchlogs.GetLogEventsPaginatorOptions) { o.StopOnDuplicateToken = true })
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			must(t, err)
			for _, e := range page.Events {
				got = append(got, *e.Message)
			}
		}
		if s := strings.Join(got, " "); s != "1 2 3 4 4" {
			t.Errorf("got %s", s)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
