package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// lines are the problems of an error, checking that the two ways of reading
// them agree.
func lines(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	if fault.KindOf(err) != fault.Usage {
		t.Errorf("kind %v, want usage", fault.KindOf(err))
	}
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if out := strings.Split(err.Error(), "\n"); !ok || len(joined.Unwrap()) != len(out) {
		t.Errorf("want one line an error, got %q", out)
	}
	return strings.Split(err.Error(), "\n")
}

func TestEachProblemIsOneClearLine(t *testing.T) {
	const lake = "s3_data_lake_bucket: "
	for _, test := range []struct {
		name, file string // c.yaml, after base; a name with an extension replaces both
		src        Source
		want       []string
	}{
		{name: "unknown keys and wrong types", file: `kinesis_shards: 3
kinesis_shard_count: ten
kinesis_retention_period: [1]
min_shards: 4
autoscaling: {max_shard: 5, scale_out_cooldown: soon}
alarms: 7
tags: {Version: 1.10, Owner: {a: b}}
subscriptions: {owner: [], owners: [{protocol: email, endpoin: a@b.c}, x]}
zzzzzz: 1
`, want: []string{
			"c.yaml:4: kinesis_shards: unknown key; did you mean kinesis_shard_count?",
			`c.yaml:5: kinesis_shard_count: want a whole number, got "ten"`,
			"c.yaml:6: kinesis_retention_period: want a number of hours, or a duration such as 7d, got a list",
			"c.yaml:7: min_shards: unknown key; did you mean autoscaling.min_shards?",
			"c.yaml:8: autoscaling.max_shard: unknown key; did you mean autoscaling.max_shards?",
			`c.yaml:8: autoscaling.scale_out_cooldown: want a duration such as 30s or 5m, or a number of seconds, got "soon"`,
			"c.yaml:9: alarms: want a group of keys, got 7",
			"c.yaml:10: tags.Owner: want text, got a group of keys",
			"c.yaml:10: tags.Version: want text, got 1.1; put it in quotes",
			"c.yaml:11: subscriptions.owner: unknown key; did you mean subscriptions.owners?",
			"c.yaml:11: subscriptions.owners[0].endpoin: unknown key; did you mean endpoint?",
			"c.yaml:11: subscriptions.owners[1]: want protocol and endpoint, got \"x\"",
			"c.yaml:12: zzzzzz: unknown key",
		}},
		{name: "limits and impossible pairs", file: `kinesis_shard_count: 20000
kinesis_retention_period: 12
autoscaling: {min_shards: 60, max_shards: 40, target_utilization: 101, scale_in_cooldown: -5}
emergency_queue: {visibility_timeout: 4s, max_receives: 0, receive_wait: 21, dead_letter_retention: 15d}
telemetry_queue: {visibility_timeout: 1500ms}
data_lake: {buffer_mb: 63, buffer_interval: 20m}
alarms: {iterator_age: 0, sns_failure_percent: 100}
functions: {architecture: arm, memory_mb: 64, log_retention_days: 31, package: bootstrap}
`, want: []string{
			"c.yaml:4: kinesis_shard_count: want 1 to 10000, got 20000",
			"c.yaml:5: kinesis_retention_period: want 24 to 8760 hours, got 12",
			"c.yaml:6: autoscaling.target_utilization: want 1 to 100, got 101",
			"c.yaml:6: autoscaling.scale_in_cooldown: want 0s to 1d, got -5s",
			"c.yaml:7: emergency_queue.max_receives: want 1 to 1000, got 0",
			"c.yaml:7: emergency_queue.receive_wait: want 0s to 20s, got 21s",
			"c.yaml:7: emergency_queue.dead_letter_retention: want 1m to 14d, got 15d",
			"c.yaml:8: telemetry_queue.visibility_timeout: want whole seconds, got 1.5s",
			"c.yaml:9: data_lake.buffer_mb: want 64 to 128, got 63",
			"c.yaml:9: data_lake.buffer_interval: want 0s to 15m, got 20m",
			"c.yaml:10: alarms.iterator_age: want 1s to 365d, got 0s",
			"c.yaml:10: alarms.sns_failure_percent: want 1 to 99, got 100",
			"c.yaml:11: functions.memory_mb: want 128 to 10240, got 64",
			"c.yaml:6: autoscaling.min_shards: 60 is above autoscaling.max_shards 40",
			"c.yaml:7: emergency_queue.visibility_timeout: 4s is less than the timeout of the function that reads the queue, 5s",
			"c.yaml:8: telemetry_queue.visibility_timeout: 1.5s is less than the timeout of the function that reads the queue, 10s",
			`c.yaml:11: functions.architecture: want arm64 or x86_64, got "arm"`,
			"c.yaml:11: functions.log_retention_days: want one of 1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653, got 31",
			`c.yaml:11: functions.package: want a .zip file, got "bootstrap"`,
		}},
		{name: "shards below the bounds", file: "kinesis_shard_count: 4\nautoscaling: {min_shards: 5}\n",
			want: []string{"c.yaml:4: kinesis_shard_count: 4 is below autoscaling.min_shards 5"}},
		{name: "shards above the bounds", file: "kinesis_shard_count: 9\nautoscaling: {max_shards: 8}\n",
			want: []string{"c.yaml:4: kinesis_shard_count: 9 is above autoscaling.max_shards 8"}},
		{name: "required.yaml", file: "# nothing\n", want: []string{
			"project_name: required: the first part of every name",
			"environment: required: the second part of every name",
			"s3_data_lake_bucket: required: the bucket of the data lake",
		}},
		{name: "words.yaml", file: "project_name: CCS\nenvironment: prod-\n" + lake + "ccs", want: []string{
			`words.yaml:1: project_name: want lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen, got "CCS"`,
			`words.yaml:2: environment: want lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen, got "prod-"`,
		}},
		{name: "long.yaml", file: "project_name: connected-cars-of-the-world\nenvironment: pre-production\n" + lake + "ccs", want: []string{
			`long.yaml:1: project_name: "connected-cars-of-the-world" and environment "pre-production" are too long together by 3: ` +
				"the IAM role connected-cars-of-the-world-pre-production-data-lake-ap-southeast-1 has 67 characters, at most 64",
		}},
		{name: "keys and policies", file: "kms_key_id: my-key\npermissions_boundary: boundary\n", want: []string{
			`c.yaml:4: kms_key_id: want a key id, a key ARN, alias/name or an alias ARN, got "my-key"`,
			`c.yaml:5: permissions_boundary: want the ARN of an IAM policy, got "boundary"`,
		}},
		{name: "a key of AWS", file: "kms_key_id: arn:aws:kms:eu-west-1:123456789012:alias/aws/sns\n", want: []string{
			"c.yaml:4: kms_key_id: alias/aws/sns is a key of AWS, which CloudWatch cannot use to publish alarms: want a key of yours",
		}},
		{name: "tags", file: `tags:
  Owner: "a,b (c)"
  owner: x
  Share: 10%
  aws:x: y
  CCSCTL:project: z
`, want: []string{
			`c.yaml:9: tags.CCSCTL:project: names that begin with ccsctl: are ccsctl's own`,
			`c.yaml:5: tags.Owner: "a,b (c)" has ',' '(' ')', refused by Kinesis, SQS, SNS, Firehose, Lambda, Step Functions, S3, IAM, KMS, CloudWatch Logs; safe are letters, digits, spaces and _ . : / = + - @`,
			`c.yaml:7: tags.Share: "10%" has '%', refused by Kinesis, SQS, SNS, Lambda, Step Functions, S3, IAM, KMS, CloudWatch Logs; safe are letters, digits, spaces and _ . : / = + - @`,
			`c.yaml:8: tags.aws:x: names that begin with aws: are AWS's own`,
			`c.yaml:6: tags.owner: differs from tags.Owner only in case, and IAM takes the two for one`,
		}},
		{name: "subscriptions", file: `subscriptions:
  alarms:
    - {protocol: email, endpoint: nobody}
    - {protocol: sms, endpoint: "0171 1234567"}
    - {protocol: https, endpoint: "http://example.org"}
    - {protocol: sqs, endpoint: "https://sqs.eu-west-1.amazonaws.com/123456789012/q"}
    - {protocol: sqs, endpoint: "arn:aws:sqs:eu-west-1:123456789012:q.fifo"}
    - {protocol: lambda, endpoint: ingest}
    - {protocol: emial, endpoint: a@example.org}
    - {endpoint: a@example.org}
    - {protocol: email, endpoint: a@example.org}
    - {protocol: email, endpoint: a@example.org}
`, want: []string{
			`c.yaml:5: subscriptions.alarms: number 1: email wants an address such as ops@example.com, got "nobody"`,
			`c.yaml:5: subscriptions.alarms: number 2: sms wants a phone number such as +4915112345678, got "0171 1234567"`,
			`c.yaml:5: subscriptions.alarms: number 3: https wants a URL that begins with https://, got "http://example.org"`,
			`c.yaml:5: subscriptions.alarms: number 4: sqs wants the ARN of a queue, not its URL, got "https://sqs.eu-west-1.amazonaws.com/123456789012/q"`,
			`c.yaml:5: subscriptions.alarms: number 5: "arn:aws:sqs:eu-west-1:123456789012:q.fifo" is a FIFO queue, which cannot subscribe to a standard topic`,
			`c.yaml:5: subscriptions.alarms: number 6: lambda wants the ARN of a function, got "ingest"`,
			`c.yaml:5: subscriptions.alarms: number 7: protocol "emial" is none of email, email-json, sms, https, http, sqs, lambda; did you mean email?`,
			`c.yaml:5: subscriptions.alarms: number 8: protocol is required: one of email, email-json, sms, https, http, sqs, lambda`,
			`c.yaml:5: subscriptions.alarms: number 10: email a@example.org is there twice`,
		}},
		{name: "environments", file: "environments: {prod: {}, dev: {environment: x, alarms: {queue_dept: 1}}, test: 3}\n", src: Source{Environment: "pord"}, want: []string{
			"c.yaml:4: environments.dev.environment: cannot be set in an overlay, which is named after its environment",
			"c.yaml:4: environments.dev.alarms.queue_dept: unknown key; did you mean alarms.queue_depth?",
			"c.yaml:4: environments.test: want a group of keys, got 3",
			"--environment: pord is not among environments: dev, prod, test; did you mean prod?",
		}},
		{name: "choose.yaml", file: "project_name: ccs\n" + lake + "ccs\nenvironments: {prod: {}, dev: {}}\n", want: []string{
			"environment: choose one of dev, prod with --environment, CCSCTL_ENVIRONMENT or the key itself",
		}},
		{name: "variables and flags", src: Source{
			Env:       []string{"CCSCTL_KINESIS_SHARD_COUNT=many", "CCSCTL_KINESIS_SHARDCOUNT=3", "CCSCTL_TAGS=a=b", "CCSCTL_DATA_LAKE_BUFFER_MB=1"},
			Overrides: []Override{{"autoscaling.max_shards", "lots", "--set autoscaling.max_shards"}, {"kms_key", "x", "--set kms_key"}, {"kms_key_id", "a key", "--kms-key-id"}},
		}, want: []string{
			`CCSCTL_KINESIS_SHARDCOUNT: unknown variable; did you mean CCSCTL_KINESIS_SHARD_COUNT?`,
			`CCSCTL_KINESIS_SHARD_COUNT: want a whole number, got "many"`,
			`CCSCTL_TAGS: tags is a map of text: write it in a file`,
			`--set autoscaling.max_shards: want a whole number, got "lots"`,
			`--set kms_key: unknown key; did you mean kms_key_id?`,
			`CCSCTL_DATA_LAKE_BUFFER_MB: want 64 to 128, got 1`,
			`--kms-key-id: want a key id, a key ARN, alias/name or an alias ARN, got "a key"`,
		}},
		{name: "references.tf", file: `module "x" {
  project_name        = "ccs"
  environment         = var.stage
  s3_data_lake_bucket = "${var.prefix}-lake"
  autoscaling         = local.scaling
  tags = {
    Team  = "fleet"
    Owner = lower("X")
  }
}
`, want: []string{
			"references.tf:3: environment: var.stage cannot be resolved from this file; write the value itself",
			`references.tf:4: s3_data_lake_bucket: "${var.prefix}-lake" cannot be resolved from this file; write the value itself`,
			"references.tf:5: autoscaling: local.scaling cannot be resolved from this file; write the value itself",
			`references.tf:8: tags.Owner: lower("X") cannot be resolved from this file; write the value itself`,
		}},
		{name: "two.tf", file: "module \"a\" {\n  kinesis_shard_count = 1\n}\nmodule \"b\" {\n  kinesis_shard_count = 1\n}\n",
			want: []string{"two.tf:4: several module blocks look like a pipeline (a, b): a file is one pipeline"}},
		{name: "none.tf", file: "variable \"a\" {}\n",
			want: []string{"none.tf: no module block with the settings of a pipeline (project_name, environment, s3_data_lake_bucket, ...)"}},
		{name: "many.tf", file: "module \"a\" {\n  for_each = {}\n}\n",
			want: []string{"many.tf:2: for_each: a file is one pipeline; use environments for several"}},
		{name: "number.tf", file: "module \"x\" {\n  a = 1e999999999\n}\n", want: []string{"number.tf:2: a number beyond reason: 1e999999999"}},
		{name: "deep.tfvars", file: "a = " + strings.Repeat("[", 200000), want: []string{"deep.tfvars:1: nested too deeply"}},
		{name: "broken.yaml", file: "a: b\n c: d\n", want: []string{"broken.yaml:2: mapping values are not allowed in this context"}},
		{name: "twice.yaml", file: "a: b\na: c\n", want: []string{`twice.yaml:2: mapping key "a" already defined at line 1`}},
		{name: "twice.json", file: "{\"a\": 1,\n\"a\": 2}", want: []string{`twice.json:2: mapping key "a" already defined at line 1`}},
		{name: "broken.json", file: "{\n\"a\": }", want: []string{"broken.json:2: invalid character '}' looking for beginning of value"}},
		{name: "broken.toml", file: "a = 1\nb\n", want: []string{"broken.toml:2: expected character ="}},
		{name: "broken.tf", file: "module \"x\" {\n  a = \n}\n", want: []string{"broken.tf:2: Invalid expression: Expected the start of an expression, but found an invalid expression token."}},
		{name: "list.yaml", file: "- a\n", want: []string{"list.yaml: want keys and values, got a list"}},
		{name: "c.ini", file: "x", want: []string{"c.ini: not a kind of file ccsctl reads: want .yaml, .json, .toml, .tf or .tfvars"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			name, content := "c.yaml", base+test.file
			if filepath.Ext(test.name) != "" {
				name, content = test.name, test.file
			}
			_, err := load(t, test.src, name, content)
			if d := cmp.Diff(test.want, lines(t, err)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestUnreadableFilesAreAllTold(t *testing.T) {
	_, err := Load(Source{Dir: t.TempDir(), Files: []string{"a.yaml", "b.tf"}})
	want := []string{"a.yaml: no such file or directory", "b.tf: no such file or directory"}
	if d := cmp.Diff(want, lines(t, err)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestBucketNames(t *testing.T) {
	for name, refused := range map[string]bool{
		"ccs-data-lake-prod": false, "a.b.c": false, "1.2.3": false, "123": false, strings.Repeat("a", 63): false,
		"ab": true, strings.Repeat("a", 64): true, "Upper": true, "under_score": true, "-edge": true, "edge-": true, ".dot": true,
		"two..dots": true, "192.168.5.4": true, "999.1.2.3": true, "xn--x": true, "sthree-x": true, "amzn-s3-demo-x": true,
		"x-s3alias": true, "x--ol-s3": true, "x.mrap": true, "x--x-s3": true, "x--table-s3": true, "büro-lake": true,
	} {
		if why := badBucket(name); (why != "") != refused {
			t.Errorf("%s: %q, want refused %t", name, why, refused)
		}
	}
}

func TestKMSKeys(t *testing.T) {
	const arn = "arn:aws-us-gov:kms:us-gov-west-1:123456789012:"
	for id, ok := range map[string]bool{
		"1234abcd-12ab-34cd-56ef-1234567890ab": true, "mrk-1234abcd12ab34cd56ef1234567890ab": true,
		arn + "key/1234abcd-12ab-34cd-56ef-1234567890ab": true, arn + "key/mrk-1234abcd12ab34cd56ef1234567890ab": true,
		"alias/team/ccs": true, arn + "alias/ccs": true,
		"ccs": false, "alias/": false, "alias/aws/kinesis": false, arn + "key/x": false, arn + "key/alias/x": false, "arn:aws:kms:x": false,
	} {
		_, err := load(t, Source{}, "c.yaml", base+"kms_key_id: "+id)
		if (err == nil) != ok {
			t.Errorf("%s: %v, want ok %t", id, err, ok)
		}
	}
}

func TestTooManyTags(t *testing.T) {
	tags := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "  t%d: x\n", i)
		}
		return base + "tags:\n" + b.String()
	}
	mustLoad(t, Source{}, "c.yaml", tags(47))
	_, err := load(t, Source{}, "c.yaml", tags(48)+"  "+strings.Repeat("k", 129)+": x\n  long: "+strings.Repeat("ü", 257)+"\n")
	want := []string{
		"c.yaml:4: tags: 50 tags are too many: AWS takes 50, of which ccsctl sets 3 itself",
		"c.yaml:53: tags." + strings.Repeat("k", 129) + ": 129 characters are too many: every service takes at most 128 in a tag's name",
		"c.yaml:54: tags.long: 257 characters are too many: every service takes at most 256 in a tag's value",
	}
	if d := cmp.Diff(want, lines(t, err)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func fuzz(f *testing.F, names ...string) {
	seed, err := os.ReadFile("testdata/streaming.tf")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(seed), string(Example()), base, `{"module": {"m": {"tags": {"a": "${b.c}"}}}}`, "[a]\n[[a.b]]\nc = 1979-05-27\n",
		"a: &a [*a]", "? [1]: 2\n1: x", "tags = { (1) = [for x in y : x] }", "x = 1e999999999", "module \"a\" \"b\" {}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		for _, name := range names {
			c, err := build(Source{}, []file{{name, []byte(content)}})
			if (c == nil) == (err == nil) {
				t.Fatalf("%s: got %v and %v", name, c, err)
			}
			if err != nil && fault.KindOf(err) != fault.Usage {
				t.Fatalf("%s: kind %v", name, fault.KindOf(err))
			}
		}
	})
}

func FuzzHCL(f *testing.F)  { fuzz(f, "c.tf", "c.tfvars", "c.tf.json", "c.tfvars.json") }
func FuzzYAML(f *testing.F) { fuzz(f, "c.yaml", "c.json", "c.toml") }
