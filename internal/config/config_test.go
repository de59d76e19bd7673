package config

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

const base = "project_name: ccs\nenvironment: prod\ns3_data_lake_bucket: ccs-lake\n"

// load writes files (name, content, name, content...) to a folder and loads
// them from there.
func load(t *testing.T, src Source, files ...string) (*Config, error) {
	t.Helper()
	src.Dir = t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(src.Dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
		src.Files = append(src.Files, files[i])
	}
	return Load(src)
}

func mustLoad(t *testing.T, src Source, files ...string) *Config {
	t.Helper()
	c, err := load(t, src, files...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var ignoreWhence = cmp.Options{cmpopts.IgnoreUnexported(Config{}), cmpopts.IgnoreFields(Config{}, "Files", "Notes"), cmpopts.EquateEmpty()}

func TestTheModuleBlockWorksAsWritten(t *testing.T) {
	c, err := Load(Source{Files: []string{"streaming.tf"}, Dir: "testdata"})
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Project: "ccs", Environment: "prod",
		Stream:         Stream{Shards: 10, Retention: 24 * time.Hour},
		Autoscaling:    Autoscaling{MinShards: 10, MaxShards: 50, TargetUtilization: 70, ScaleOutCooldown: time.Minute, ScaleInCooldown: 5 * time.Minute},
		EmergencyQueue: Queue{VisibilityTimeout: 30 * time.Second, MaxReceives: 3, DeadLetterRetention: 14 * 24 * time.Hour},
		TelemetryQueue: Queue{VisibilityTimeout: time.Minute, MaxReceives: 3, ReceiveWait: 20 * time.Second, DeadLetterRetention: 14 * 24 * time.Hour},
		DataLake:       DataLake{Bucket: "ccs-data-lake-prod", BufferMB: 128, BufferInterval: 5 * time.Minute},
		Alarms:         Alarms{IteratorAge: time.Minute, QueueDepth: 1000, SNSFailurePercent: 5, SNSMinimumDeliveries: 1},
		Functions:      Functions{MemoryMB: 256, LogRetentionDays: 30},
		Tags:           map[string]string{"Project": "CCS"},
		Files:          []string{"streaming.tf"},
		Notes: []string{"streaming.tf:9: kms_key_id = module.security.kms_key_id cannot be resolved from this file: ccsctl uses a key of its own" +
			" unless --kms-key-id, CCSCTL_KMS_KEY_ID or a later file gives one"},
	}
	if d := cmp.Diff(want, c, cmpopts.IgnoreUnexported(Config{})); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if got := c.Origin("tags.Project").String(); got != "streaming.tf:12" {
		t.Errorf("tags.Project is from %s, want streaming.tf:12", got)
	}
}

func TestALaterKeySilencesTheNote(t *testing.T) {
	tf, err := os.ReadFile("testdata/streaming.tf")
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]Source{
		"flag":     {Overrides: []Override{{"kms_key_id", "alias/ccs", "--kms-key-id"}}},
		"variable": {Env: []string{"CCSCTL_KMS_KEY_ID=alias/ccs"}},
	} {
		if c := mustLoad(t, src, "s.tf", string(tf)); c.KMSKeyID != "alias/ccs" || c.Notes != nil {
			t.Errorf("%s: key %q, notes %q", name, c.KMSKeyID, c.Notes)
		}
	}
	if c := mustLoad(t, Source{}, "s.tf", string(tf), "later.yaml", "kms_key_id: alias/ccs"); c.Notes != nil {
		t.Errorf("later file: notes %q", c.Notes)
	}
	c := mustLoad(t, Source{}, "earlier.yaml", "kms_key_id: alias/ccs", "s.tf", string(tf))
	if len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "ccsctl uses alias/ccs (earlier.yaml:1) unless") {
		t.Errorf("earlier file: notes %q", c.Notes)
	}
}

func TestEveryKindOfFileSaysTheSame(t *testing.T) {
	body := `project_name = "ccs"
environment = "prod"
s3_data_lake_bucket = "ccs-lake"
kinesis_retention_period = 48
`
	hclBody := body + `autoscaling = { max_shards = 20, scale_in_cooldown = "10m" }
tags = { Owner = "Fleet", "cost:centre" = 4711 }
subscriptions = { alarms = [{ protocol = "email", endpoint = "a@example.org" }] }
`
	jsonBody := `{"project_name": "ccs", "environment": "prod", "s3_data_lake_bucket": "ccs-lake", "kinesis_retention_period": 48,
"autoscaling": {"max_shards": 20, "scale_in_cooldown": 600}, "tags": {"Owner": "Fleet", "cost:centre": "4711"},
"subscriptions": {"alarms": [{"protocol": "email", "endpoint": "a@example.org"}]}}`
	files := map[string]string{
		"c.yaml": strings.ReplaceAll(body, " =", ":") + `autoscaling: {max_shards: "20", scale_in_cooldown: 600}
tags: {Owner: Fleet, "cost:centre": "4711"}
subscriptions: {alarms: [{protocol: email, endpoint: a@example.org}]}
`,
		"c": jsonBody, // no extension: YAML, of which JSON is a part
		"c.toml": body + "[autoscaling]\nmax_shards = 20\nscale_in_cooldown = 600.0\n[tags]\nOwner = \"Fleet\"\n\"cost:centre\" = \"4711\"\n" +
			"[[subscriptions.alarms]]\nprotocol = \"email\"\nendpoint = \"a@example.org\"\n",
		"c.tfvars":      hclBody,
		"c.tf":          "variable \"x\" {}\nmodule \"any\" {\n" + hclBody + "}\nmodule \"other\" {\n  source = var.x\n}\n",
		"c.json":        jsonBody,
		"c.tfvars.json": jsonBody,
		"c.tf.json":     `{"module": {"any": ` + jsonBody + `}}`,
	}
	want := mustLoad(t, Source{}, "c.yaml", files["c.yaml"])
	if want.Tags["Owner"] != "Fleet" || want.Tags["cost:centre"] != "4711" || len(want.Subscriptions.Alarms) != 1 || want.Autoscaling.ScaleInCooldown != 10*time.Minute {
		t.Fatalf("got %+v", want)
	}
	for name, content := range files {
		c, err := load(t, Source{}, name, content)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(want, c, ignoreWhence); d != "" {
			t.Errorf("%s (-want +got)\n%s", name, d)
		}
		if got := c.Origin("s3_data_lake_bucket"); got.Line == 0 {
			t.Errorf("%s: no line for s3_data_lake_bucket", name)
		}
	}
}

func TestLaterSourcesWin(t *testing.T) {
	files := []string{
		"1.yaml", base + "kinesis_shard_count: 11\nautoscaling: {min_shards: 3, max_shards: 30, scale_in_cooldown: 1m}\ntags: {A: one, B: one}\n",
		"2.yaml", "kinesis_shard_count: 12\nautoscaling: {max_shards: 31}\ntags: {B: two}\n",
	}
	src := Source{
		Env:       []string{"CCSCTL_KINESIS_SHARD_COUNT=13", "CCSCTL_AUTOSCALING_SCALE_IN_COOLDOWN=2m", "CCSCTL_KMS_KEY_ID=", "CCSCTL_REGION=x", "CCSCTL_SANDBOX_FAULTS=y"},
		Overrides: []Override{{"kinesis_shard_count", "15", "--set kinesis_shard_count"}, {"kinesis_shard_count", "14", "--set kinesis_shard_count"}},
	}
	c := mustLoad(t, src, files...)
	got := map[string]string{}
	for _, s := range c.Settings() {
		text, err := json.Marshal(s.Value)
		if err != nil {
			t.Fatal(err)
		}
		got[s.Key] = string(text) + " " + s.Origin
	}
	for key, want := range map[string]string{
		"kinesis_shard_count":           "14 --set kinesis_shard_count",
		"autoscaling.scale_in_cooldown": `"2m" CCSCTL_AUTOSCALING_SCALE_IN_COOLDOWN`,
		"autoscaling.max_shards":        "31 2.yaml:2",
		"autoscaling.min_shards":        "3 1.yaml:5",
		"alarms.queue_depth":            "1000 default",
		"kms_key_id":                    `"" default`,
		"tags.A":                        `"one" 1.yaml:6`,
		"tags.B":                        `"two" 2.yaml:3`,
	} {
		if got[key] != want {
			t.Errorf("%s: got %s, want %s", key, got[key], want)
		}
	}
}

func TestOverlays(t *testing.T) {
	file := base + `kinesis_shard_count: 12
tags: {Owner: fleet, Stage: live}
environments:
  dev:
    kinesis_shard_count: 1
    s3_data_lake_bucket: ccs-lake-dev
    tags: {Stage: dev}
  prod:
`
	for name, src := range map[string]Source{
		"flag":     {Environment: "dev", Env: []string{"CCSCTL_ENVIRONMENT=prod"}},
		"variable": {Env: []string{"CCSCTL_ENVIRONMENT=dev"}},
		"override": {Overrides: []Override{{"environment", "dev", "--set environment"}}},
	} {
		c := mustLoad(t, src, "ccsctl.yaml", file)
		if c.Environment != "dev" || c.Stream.Shards != 1 || c.DataLake.Bucket != "ccs-lake-dev" || !maps.Equal(c.Tags, map[string]string{"Owner": "fleet", "Stage": "dev"}) {
			t.Errorf("%s: got %+v", name, c)
		}
	}
	if c := mustLoad(t, Source{}, "ccsctl.yaml", file); c.Environment != "prod" || c.Stream.Shards != 12 {
		t.Errorf("the file's own environment: got %+v", c)
	}
}

func TestBoundsFollowTheShards(t *testing.T) {
	for file, want := range map[string][3]int{ // min, shards, max
		"":                       {10, 10, 50},
		"kinesis_shard_count: 1": {1, 1, 50}, "kinesis_shard_count: 80": {10, 80, 80},
		"autoscaling: {min_shards: 60}": {60, 60, 60}, "autoscaling: {max_shards: 4}": {4, 4, 4},
	} {
		c := mustLoad(t, Source{}, "c.yaml", base+file)
		if got := [3]int{c.Autoscaling.MinShards, c.Stream.Shards, c.Autoscaling.MaxShards}; got != want {
			t.Errorf("%q: got %v, want %v", file, got, want)
		}
	}
	c := mustLoad(t, Source{}, "c.yaml", base+"kinesis_shard_count: 80")
	if got := c.Origin("autoscaling.max_shards").String(); got != "follows kinesis_shard_count" {
		t.Errorf("got %q", got)
	}
}

func TestTheDefaultFile(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	src := Source{Dir: dir, Env: []string{"XDG_CONFIG_HOME=" + home}}
	_, err := Load(src)
	if fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "ccsctl config init") {
		t.Errorf("nothing there: got %v, hint %q", err, fault.HintOf(err))
	}
	write := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(base), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(home, "ccsctl", "config.yaml")
	for _, step := range []struct{ write, want string }{{own, own}, {filepath.Join(dir, "ccsctl.yml"), "ccsctl.yml"}} {
		write(step.write)
		c, err := Load(src)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Origin("project_name").File; got != step.want || c.Files[0] != step.want {
			t.Errorf("read %s %v, want %s", got, c.Files, step.want)
		}
	}
	write(filepath.Join(dir, "ccsctl.json"))
	if _, err := Load(src); err == nil || !strings.Contains(err.Error(), "ccsctl.yml, ccsctl.json") {
		t.Errorf("two default files: got %v", err)
	}
}

func TestNotesOnWhatIsLegalButUnwise(t *testing.T) {
	c := mustLoad(t, Source{}, "c.yaml", base+"emergency_queue: {visibility_timeout: 20, dead_letter_retention: 2d}\n"+
		"subscriptions: {owners: [{protocol: http, endpoint: 'http://example.org'}]}\n")
	want := []string{
		"c.yaml:4: emergency_queue.visibility_timeout 20s is less than 30s, six times the function's timeout, which AWS advises: a slow batch may be handled twice",
		"c.yaml:4: emergency_queue.dead_letter_retention 2d is not longer than the 4d a message may wait in the queue: a dead letter may be gone before anyone sees it",
		"c.yaml:5: subscriptions.owners[0] http://example.org is not encrypted on its way: alerts name vehicles and places; prefer https",
	}
	if d := cmp.Diff(want, c.Notes); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestExampleIsValidAndSaysTheDefaults(t *testing.T) {
	example := string(Example())
	want := mustLoad(t, Source{}, "least.yaml", strings.Replace(base, "ccs-lake", "ccs-data-lake-prod", 1))
	if d := cmp.Diff(want, mustLoad(t, Source{}, "example.yaml", example), ignoreWhence); d != "" {
		t.Errorf("as it stands the example is not the defaults (-want +got)\n%s", d)
	}
	live := regexp.MustCompile(`(?m)^#(\w|  )`).ReplaceAllString(example, "$1")
	settings, _, _ := strings.Cut(live, "environments:")
	c := mustLoad(t, Source{}, "example.yaml", settings)
	if d := cmp.Diff(want, c, ignoreWhence); d != "" {
		t.Errorf("with every line taken in, the example is not the defaults (-want +got)\n%s", d)
	}
	for _, k := range Keys() {
		if c.Origin(k.Name).File == "" {
			t.Errorf("%s is not in the example", k.Name)
		}
	}
	if c := mustLoad(t, Source{}, "example.yaml", live); len(c.Subscriptions.Authorities) != 1 || len(c.Subscriptions.Alarms) != 1 {
		t.Errorf("the example's overlay gives %+v", c.Subscriptions)
	}
}

func TestShownJSONLoadsToTheSameValue(t *testing.T) {
	c := mustLoad(t, Source{}, "c.yaml", base+`kinesis_retention_period: 7d
kms_key_id: arn:aws:kms:eu-west-1:123456789012:alias/ccs
tags: {Owner: Fleet Team}
emergency_queue: {visibility_timeout: 95s, dead_letter_retention: 90m}
subscriptions: {alarms: [{protocol: sms, endpoint: "+4915112345678"}]}
`)
	shown, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again := mustLoad(t, Source{}, "shown.json", string(shown))
	if d := cmp.Diff(c, again, ignoreWhence); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestVariablesAreNotAmbiguous(t *testing.T) {
	seen := map[string]string{}
	for _, name := range CommandEnv() {
		seen[name] = "the commands"
	}
	for _, k := range Keys() {
		if other, twice := seen[k.Env]; twice && k.Env != "" {
			t.Errorf("%s is of %s and of %s", k.Env, k.Name, other)
		}
		if seen[k.Env] = k.Name; strings.HasPrefix(k.Env, sandboxEnv) {
			t.Errorf("%s is passed over as the sandbox's", k.Env)
		}
	}
}
