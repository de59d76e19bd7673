package iam_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	sandboxiam "github.com/ccs-platform/ccsctl/internal/sandbox/iam"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

const (
	trust  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	grant  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	power  = "arn:aws:iam::aws:policy/PowerUserAccess"
	lambda = "lambda.amazonaws.com"
)

func TestRefusals(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	c := iam.NewFromConfig(cfg)
	ctx := t.Context()
	create := func(in iam.CreateRoleInput) error {
		if in.RoleName == nil {
			in.RoleName = aws.String("fresh")
		}
		if in.AssumeRolePolicyDocument == nil {
			in.AssumeRolePolicyDocument = aws.String(trust)
		}
		_, err := c.CreateRole(ctx, &in)
		return err
	}
	trusting := func(statement string) error {
		return create(iam.CreateRoleInput{AssumeRolePolicyDocument: aws.String(`{"Statement":[` + statement + `]}`)})
	}
	put := func(document string) error {
		_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("Taken"), PolicyName: aws.String("p"), PolicyDocument: &document})
		return err
	}
	if err := create(iam.CreateRoleInput{RoleName: aws.String("Taken")}); err != nil {
		t.Fatal(err)
	}
	many := strings.Repeat(`"s3:GetObject",`, 1000) + `"s3:PutObject"`
	tests := map[string]struct {
		err  error
		code string
	}{
		"the name in another case":     {create(iam.CreateRoleInput{RoleName: aws.String("tAKEN")}), "EntityAlreadyExists"},
		"a name that is too long":      {create(iam.CreateRoleInput{RoleName: aws.String(strings.Repeat("r", 65))}), "ValidationError"},
		"a path without its slash":     {create(iam.CreateRoleInput{Path: aws.String("/ccsctl")}), "ValidationError"},
		"a session of a minute":        {create(iam.CreateRoleInput{MaxSessionDuration: aws.Int32(60)}), "ValidationError"},
		"a tag of AWS's own":           {create(iam.CreateRoleInput{Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}}), "InvalidInput"},
		"a tag twice but for the case": {create(iam.CreateRoleInput{Tags: []types.Tag{{Key: aws.String("x"), Value: aws.String("")}, {Key: aws.String("X"), Value: aws.String("")}}}), "InvalidInput"},
		"a tag with a comma":           {create(iam.CreateRoleInput{Tags: []types.Tag{{Key: aws.String("x"), Value: aws.String("a,b")}}}), "ValidationError"},
		"another account's boundary":   {create(iam.CreateRoleInput{PermissionsBoundary: aws.String("arn:aws:iam::111122223333:policy/x")}), "NoSuchEntity"},
		"trust that is no JSON":        {create(iam.CreateRoleInput{AssumeRolePolicyDocument: aws.String(`{`)}), "MalformedPolicyDocument"},
		"trust in nobody":              {trusting(`{"Effect":"Allow","Action":"sts:AssumeRole"}`), "MalformedPolicyDocument"},
		"trust with a resource":        {trusting(`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*","Resource":"*"}`), "MalformedPolicyDocument"},
		"trust for something else":     {trusting(`{"Effect":"Allow","Action":"s3:GetObject","Principal":"*"}`), "MalformedPolicyDocument"},
		"trust in no service":          {trusting(`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda"}}`), "MalformedPolicyDocument"},
		"trust without statements":     {trusting(``), "MalformedPolicyDocument"},
		"trust beyond 2,048":           {trusting(fmt.Sprintf(`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":%q}}`, strings.Repeat("1", 2048))), "LimitExceeded"},
		"a policy for a principal":     {put(`{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Principal":"*"}}`), "MalformedPolicyDocument"},
		"a policy for no resource":     {put(`{"Statement":{"Effect":"Allow","Action":"s3:GetObject"}}`), "MalformedPolicyDocument"},
		"a policy for no ARN":          {put(`{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"bucket"}}`), "MalformedPolicyDocument"},
		"a policy without actions":     {put(`{"Statement":{"Effect":"Allow","Resource":"*"}}`), "MalformedPolicyDocument"},
		"an action of no service":      {put(`{"Statement":{"Effect":"Allow","Action":"GetObject","Resource":"*"}}`), "MalformedPolicyDocument"},
		"an effect of no kind":         {put(`{"Statement":{"Effect":"allow","Action":"s3:GetObject","Resource":"*"}}`), "MalformedPolicyDocument"},
		"a policy of no version":       {put(`{"Version":"2026-01-01","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`), "MalformedPolicyDocument"},
		"one name for two statements":  {put(`{"Statement":[{"Sid":"a","Effect":"Allow","Action":"s3:A","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"s3:B","Resource":"*"}]}`), "MalformedPolicyDocument"},
		"policies beyond 10,240":       {put(`{"Statement":{"Effect":"Allow","Action":[` + many + `],"Resource":"*"}}`), "LimitExceeded"},
	}
	for name, tt := range tests {
		if !apierr.Is(tt.err, tt.code) {
			t.Errorf("%s: got %v, want %s", name, tt.err, tt.code)
		}
	}
	spaced := strings.Replace(trust, "{", "{"+strings.Repeat("\n  ", 1000), 1)
	if err := create(iam.CreateRoleInput{AssumeRolePolicyDocument: &spaced}); err != nil {
		t.Errorf("white space counts towards the size: %v", err)
	}
}

func TestDeletionWantsThePoliciesGone(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	c := iam.NewFromConfig(cfg)
	ctx := t.Context()
	name := aws.String("r")
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(_ any, err error) {
		t.Helper()
		if !apierr.Is(err, "DeleteConflict") {
			t.Errorf("got %v, want DeleteConflict", err)
		}
	}
	do(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust), PermissionsBoundary: aws.String(power)}))
	do(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(grant)}))
	do(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: aws.String(power)}))
	out, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: name, PolicyName: aws.String("p")})
	do(out, err)
	if got, err := url.PathUnescape(*out.PolicyDocument); err != nil || got != grant || *out.PolicyDocument == grant {
		t.Errorf("got %s, want the document in percent encoding", *out.PolicyDocument)
	}
	refused(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}))
	do(c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: aws.String(power)}))
	refused(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}))
	do(c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("p")}))
	do(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})) // a boundary is no obstacle
}

func TestListRolesPagesAndHidesTags(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	c := iam.NewFromConfig(cfg)
	for i := range 7 {
		path := []string{"/", "/ccsctl/"}[i%2]
		_, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String(fmt.Sprint("r", i)), Path: &path, AssumeRolePolicyDocument: aws.String(trust),
			Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	pages := iam.NewListRolesPaginator(c, &iam.ListRolesInput{PathPrefix: aws.String("/ccsctl"), MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Roles {
			names = append(names, *r.RoleName)
			if r.Tags != nil {
				t.Errorf("%s shows its tags, which AWS keeps for GetRole", *r.RoleName)
			}
		}
	}
	if got := strings.Join(names, " "); got != "r1 r3 r5" {
		t.Errorf("got %s", got)
	}
}

// world is IAM alone, asked through the bus.
func world(t *testing.T, timing string) (*bus.Bus, *iam.Client) {
	t.Helper()
	tm, err := bus.TimingNamed(timing)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bus.Bus{Account: sandbox.Account, Region: sandbox.Region, Timing: tm}
	h := wire.NewServer([]wire.Service{sandboxiam.New(b).Wire()}, nil, nil)
	return b, iam.NewFromConfig(sandboxtest.Config(s, h))
}

func TestTrust(t *testing.T) {
	b, c := world(t, "instant")
	function := b.ARN("lambda", "function:f")
	tests := []struct {
		name            string
		effect, service string
		condition       string
		source          string
		want            error
	}{
		{"the service", "Allow", lambda, ``, function, nil},
		{"another service", "Allow", "states.amazonaws.com", ``, function, bus.Refused},
		{"a denial", "Deny", lambda, ``, function, bus.Refused},
		{"our account", "Allow", lambda, `{"StringEquals":{"aws:SourceAccount":"000000000000"}}`, function, nil},
		{"our account, no source", "Allow", lambda, `{"StringEquals":{"AWS:sourceaccount":"000000000000"}}`, "", bus.Refused},
		{"another account", "Allow", lambda, `{"StringEquals":{"aws:SourceAccount":["1","2"]}}`, function, bus.Refused},
		{"the source, by pattern", "Allow", lambda, `{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*:000000000000:function:?"}}`, function, nil},
		{"a star does not cross a colon", "Allow", lambda, `{"ArnLike":{"aws:SourceArn":"arn:*:function:f"}}`, function, bus.Refused},
		{"but does in StringLike", "Allow", lambda, `{"StringLike":{"aws:SourceArn":"arn:*:function:f"}}`, function, nil},
		{"two conditions, one not met", "Allow", lambda, `{"StringLike":{"aws:SourceArn":"*"},"StringEquals":{"aws:SourceAccount":"1"}}`, function, bus.Refused},
		{"if it exists", "Allow", lambda, `{"StringEqualsIfExists":{"aws:SourceAccount":"1"}}`, "", nil},
		{"an external id that is not given", "Allow", lambda, `{"StringEquals":{"sts:ExternalId":"000000000000"}}`, function, bus.Refused},
		{"a condition the sandbox can't judge", "Allow", lambda, `{"Bool":{"aws:MultiFactorAuthPresent":true}}`, function, bus.Refused},
	}
	for i, tt := range tests {
		name := fmt.Sprint("r", i)
		condition := ""
		if tt.condition != "" {
			condition = `,"Condition":` + tt.condition
		}
		doc := fmt.Sprintf(`{"Statement":{"Effect":%q,"Principal":{"Service":[%q,"x.amazonaws.com"]},"Action":"sts:AssumeRole"%s}}`, tt.effect, tt.service, condition)
		out, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, Path: aws.String("/p/"), AssumeRolePolicyDocument: &doc})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := b.Roles.Assume(*out.Role.Arn, lambda, tt.source); !errors.Is(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if got := b.Roles.Assume("arn:aws:iam::000000000000:role/r0", lambda, function); !errors.Is(got, bus.Refused) {
		t.Errorf("a role by the wrong path: got %v", got)
	}
}

func TestWhatPoliciesAllow(t *testing.T) {
	b, c := world(t, "instant")
	const queue = "arn:aws:sqs:eu-west-1:000000000000:q"
	tests := []struct {
		name, statements, boundary string
		want                       bool
	}{
		{"exactly", `{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"` + queue + `"}`, "", true},
		{"by pattern, whatever the action's case", `{"Effect":"Allow","Action":["s3:*","SQS:send*"],"Resource":"arn:aws:sqs:*:*:?"}`, "", true},
		{"another resource", `{"Effect":"Allow","Action":"sqs:*","Resource":"` + queue + `x"}`, "", false},
		{"another action", `{"Effect":"Allow","Action":"sqs:Receive*","Resource":"*"}`, "", false},
		{"denied", `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"sqs:*","Resource":"*"}`, "", false},
		{"all but that action", `{"Effect":"Allow","NotAction":"sqs:*","Resource":"*"}`, "", false},
		{"all but other actions", `{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}`, "", true},
		{"another account's", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":"111122223333"}}}`, "", false},
		{"a narrowing the sandbox can't judge", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"x"}}}`, "", true},
		{"within the boundary", `{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`, power, true},
		{"beyond the boundary", `{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`, "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", false},
	}
	for i, tt := range tests {
		name := aws.String(fmt.Sprint("r", i))
		in := &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust)}
		if tt.boundary != "" {
			in.PermissionsBoundary = &tt.boundary
		}
		out, err := c.CreateRole(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Statement":[` + tt.statements + `]}`)}); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := b.Roles.Allowed(*out.Role.Arn, "sqs:SendMessage", queue); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Trap 1: IAM shows a change at once, but those who use the role do not see it
// for a while.
func TestRolesAndPoliciesSpreadSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := world(t, "aws")
		name := aws.String("r")
		out, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust)})
		if err != nil {
			t.Fatal(err)
		}
		arn := *out.Role.Arn
		expect := func(when string, assume error, allowed bool) {
			t.Helper()
			if got := b.Roles.Assume(arn, lambda, ""); !errors.Is(got, assume) {
				t.Errorf("%s: assume: got %v, want %v", when, got, assume)
			}
			if got := b.Roles.Allowed(arn, "s3:GetObject", "arn:aws:s3:::b/k"); got != allowed {
				t.Errorf("%s: allowed: got %v, want %v", when, got, allowed)
			}
		}
		expect("at once", bus.NotSpread, false)
		time.Sleep(b.Timing.RoleSpread)
		expect("later", nil, false)
		put := func() {
			if _, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(grant)}); err != nil {
				t.Fatal(err)
			}
		}
		put()
		expect("given a policy", nil, false)
		time.Sleep(b.Timing.RoleSpread / 2)
		put() // again: the first keeps its own time
		time.Sleep(b.Timing.RoleSpread / 2)
		expect("policy spread", nil, true)
		if _, err := c.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: aws.String(strings.ReplaceAll(trust, "lambda", "states"))}); err != nil {
			t.Fatal(err)
		}
		expect("trust withdrawn", nil, true)
		time.Sleep(b.Timing.RoleSpread)
		expect("withdrawal spread", bus.Refused, true)
	})
}
