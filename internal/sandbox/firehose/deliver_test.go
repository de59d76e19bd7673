package firehose_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// living is a world that runs in a bubble until the test ends.
type living struct {
	t        testing.TB
	cfg      aws.Config
	firehose *firehose.Client
	kinesis  *kinesis.Client
	s3       *s3.Client
	end      func() // ends the sandbox
}

func live(t *testing.T, timing string) *living {
	c, cfg, s := livingWorld(t, sandbox.Options{Timing: timing})
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	w := &living{t: t, cfg: cfg, firehose: c, kinesis: kinesis.NewFromConfig(cfg),
		s3: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), end: func() { end(); <-done }}
	t.Cleanup(w.end)
	time.Sleep(2 * time.Minute) // everything is ACTIVE and known everywhere
	return w
}

// put sends JSON records to the stream, each with itself as the key when it has
// none before a tab, and wants all of them taken.
func (w *living) put(records ...string) {
	w.t.Helper()
	in := &kinesis.PutRecordsInput{StreamName: aws.String("telemetry")}
	for _, r := range records {
		key, data, ok := strings.Cut(r, "\t")
		if !ok {
			key, data = "k", r
		}
		in.Records = append(in.Records, kinesistypes.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(data)})
	}
	out, err := w.kinesis.PutRecords(context.Background(), in)
	if err != nil || *out.FailedRecordCount > 0 {
		w.t.Fatalf("put: %v %+v", err, out)
	}
}

func (w *living) create(in *firehose.CreateDeliveryStreamInput) {
	w.t.Helper()
	if _, err := w.firehose.CreateDeliveryStream(context.Background(), in); err != nil {
		w.t.Fatal(err)
	}
}

// lake is the contents of the bucket by key.
func (w *living) lake() map[string][]byte {
	w.t.Helper()
	all := map[string][]byte{}
	pages := s3.NewListObjectsV2Paginator(w.s3, &s3.ListObjectsV2Input{Bucket: aws.String("lake")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, o := range page.Contents {
			out, err := w.s3.GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String("lake"), Key: o.Key})
			if err != nil {
				w.t.Fatal(err)
			}
			if all[*o.Key], err = io.ReadAll(out.Body); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return all
}

// row is one of the table of a world.
type row struct {
	ID *string `parquet:"id,optional"`
	N  *int32  `parquet:"n,optional"`
}

// failure is a line below the error prefix.
type failure struct {
	LastErrorCode, LastErrorMessage, SequenceNumber string
	ArrivalTimestamp, AttemptEndingTimestamp        int64
	RawData                                         []byte
	DataCatalogTable                                struct{ DatabaseName, TableName string }
}

// read is what is in the lake, in the order in which it was delivered: the ids
// of the rows, and the failures.
func (w *living) read() (ids []string, failures []failure) {
	w.t.Helper()
	lake := w.lake()
	for _, key := range slices.Sorted(maps.Keys(lake)) {
		if strings.HasPrefix(key, "e/format-conversion-failed/") {
			lines := json.NewDecoder(bytes.NewReader(lake[key]))
			for lines.More() {
				var f failure
				if err := lines.Decode(&f); err != nil {
					w.t.Fatalf("%s: %v", key, err)
				}
				failures = append(failures, f)
			}
			continue
		}
		rows, err := parquet.Read[row](bytes.NewReader(lake[key]), int64(len(lake[key])))
		if err != nil {
			w.t.Fatalf("%s: %v", key, err)
		}
		for _, r := range rows {
			ids = append(ids, aws.ToString(r.ID))
		}
	}
	return ids, failures
}

func (w *living) expect(want ...string) {
	w.t.Helper()
	got, _ := w.read()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// logged is the codes in the error log, once each.
func (w *living) logged() []string {
	w.t.Helper()
	out, err := cloudwatchlogs.NewFromConfig(w.cfg).GetLogEvents(context.Background(), &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String("errors"), LogStreamName: aws.String("s3"), StartFromHead: aws.Bool(true)})
	if err != nil {
		w.t.Fatal(err)
	}
	var codes []string
	for _, e := range out.Events {
		var line struct{ ErrorCode string }
		if err := json.Unmarshal([]byte(*e.Message), &line); err != nil {
			w.t.Fatal(err)
		}
		if !slices.Contains(codes, line.ErrorCode) {
			codes = append(codes, line.ErrorCode)
		}
	}
	return codes
}

// sum is the sum of a metric of the delivery stream over the last hours.
func (w *living) sum(metric string) float64 {
	w.t.Helper()
	out, err := cloudwatch.NewFromConfig(w.cfg).GetMetricStatistics(context.Background(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("AWS/Firehose"), MetricName: &metric, Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("DeliveryStreamName"), Value: aws.String(name)}},
		StartTime: aws.Time(time.Now().Add(-12 * time.Hour)), EndTime: aws.Time(time.Now().Add(time.Hour)), Period: aws.Int32(3600),
		Statistics: []cloudwatchtypes.Statistic{cloudwatchtypes.StatisticSum}})
	if err != nil {
		w.t.Fatal(err)
	}
	total := 0.0
	for _, p := range out.Datapoints {
		total += *p.Sum
	}
	return total
}

func event(id string) string { return fmt.Sprintf(`{"id":%q,"n":1}`, id) }

// Trap 21: what was there before the delivery stream was ACTIVE never arrives.
func TestDeliveryBeginsWhenActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := live(t, "aws")
		w.put(event("before"))
		time.Sleep(time.Second)
		w.create(good())
		w.put(event("creating"))
		time.Sleep(46 * time.Second)
		w.put(event("active"))
		time.Sleep(59 * time.Second)
		if lake := w.lake(); len(lake) > 0 {
			t.Errorf("after 59 of 60 s of buffering: got %v", slices.Collect(maps.Keys(lake)))
		}
		time.Sleep(3 * time.Second)
		w.expect("active")

		w.put(event("buffered"))
		time.Sleep(3 * time.Second)
		w.end() // what is buffered then is written
		w.expect("active", "buffered")
	})
}

// What can't be read or written for want of a permission, a key or a bucket
// leaves the delivery stream ACTIVE and says why in the error log alone (trap
// 20). When it is put right, nothing has been lost.
func TestTroubleShowsInTheErrorLog(t *testing.T) {
	const key = "alias/lake"
	without := func(action string) func(*living) {
		return func(w *living) {
			allow(w.t.(*testing.T), w.cfg, slices.DeleteFunc(append(enough(), "kms:Decrypt", "kms:GenerateDataKey"), func(a string) bool { return a == action }))
		}
	}
	kmsDo := func(f func(c *kms.Client, id *string) error) func(*living) {
		return func(w *living) {
			c := kms.NewFromConfig(w.cfg)
			d, err := c.DescribeKey(context.Background(), &kms.DescribeKeyInput{KeyId: aws.String(key)})
			must(w.t.(*testing.T), err)
			must(w.t.(*testing.T), f(c, d.KeyMetadata.KeyId))
		}
	}
	for what, c := range map[string]struct {
		code        string
		spoil, mend func(*living)
	}{
		"reading":           {"Kinesis.AccessDenied", without("kinesis:GetRecords"), without("")},
		"decrypting":        {"Kinesis.KMS.AccessDeniedException", without("kms:Decrypt"), without("")},
		"writing":           {"S3.AccessDenied", without("s3:PutObject"), without("")},
		"encrypting":        {"S3.AccessDenied", without("kms:GenerateDataKey"), without("")},
		"the lake's key":    {"S3.KMS.NotFoundException", encrypt("alias/nobodys"), encrypt(key)},
		"the lake's bucket": {"S3.NoSuchBucket", bucket(true), bucket(false)},
		"a disabled key": {"Kinesis.KMSDisabledException",
			kmsDo(func(c *kms.Client, id *string) error {
				_, err := c.DisableKey(context.Background(), &kms.DisableKeyInput{KeyId: id})
				return err
			}),
			kmsDo(func(c *kms.Client, id *string) error {
				_, err := c.EnableKey(context.Background(), &kms.EnableKeyInput{KeyId: id})
				return err
			})},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := live(t, "fast")
				k, err := kms.NewFromConfig(w.cfg).CreateKey(t.Context(), &kms.CreateKeyInput{})
				must(t, err)
				_, err = kms.NewFromConfig(w.cfg).CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(key), TargetKeyId: k.KeyMetadata.KeyId})
				must(t, err)
				_, err = w.kinesis.StartStreamEncryption(t.Context(), &kinesis.StartStreamEncryptionInput{StreamName: aws.String("telemetry"), EncryptionType: "KMS", KeyId: aws.String(key)})
				must(t, err)
				encrypt(key)(w)
				without("")(w)
				time.Sleep(time.Second)
				w.create(good())
				time.Sleep(time.Second)
				w.put(event("1"))
				time.Sleep(10 * time.Second)
				w.expect("1")
				c.spoil(w)
				time.Sleep(time.Second)
				if what != "a disabled key" {
					w.put(event("2"))
				}
				time.Sleep(time.Minute)
				if what != "the lake's bucket" {
					w.expect("1")
				}
				d, err := w.firehose.DescribeDeliveryStream(t.Context(), &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String(name)})
				if err != nil || d.DeliveryStreamDescription.DeliveryStreamStatus != types.DeliveryStreamStatusActive {
					t.Errorf("got %v %+v, want it ACTIVE", err, d)
				}
				c.mend(w)
				time.Sleep(time.Second)
				w.put(event("3"))
				time.Sleep(2 * time.Minute)
				want := []string{"1", "2", "3"}
				switch what {
				case "a disabled key": // nobody could put anything
					want = []string{"1", "3"}
				case "the lake's bucket":
					want = []string{"2", "3"}
				}
				w.expect(want...)
				if got := w.logged(); !slices.Equal(got, []string{c.code}) {
					t.Errorf("logged %v, want %s", got, c.code)
				}
			})
		})
	}
}

// encrypt changes the key that the lake's objects are encrypted with.
func encrypt(key string) func(*living) {
	return func(w *living) {
		_, err := w.s3.PutBucketEncryption(context.Background(), &s3.PutBucketEncryptionInput{Bucket: aws.String("lake"),
			ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{
				{ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: "aws:kms", KMSMasterKeyID: &key}}}}})
		must(w.t.(*testing.T), err)
	}
}

// bucket removes the lake with all that is in it, or makes it anew.
func bucket(gone bool) func(*living) {
	return func(w *living) {
		if !gone {
			_, err := w.s3.CreateBucket(context.Background(), &s3.CreateBucketInput{
				Bucket: aws.String("lake"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: sandbox.Region}})
			must(w.t.(*testing.T), err)
			return
		}
		for key := range w.lake() {
			_, err := w.s3.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: aws.String("lake"), Key: &key})
			must(w.t.(*testing.T), err)
		}
		_, err := w.s3.DeleteBucket(context.Background(), &s3.DeleteBucketInput{Bucket: aws.String("lake")})
		must(w.t.(*testing.T), err)
	}
}

// Of a table that no record fits AWS says nothing either: everything lands under
// the error prefix, and the deliveries are successes.
func TestAWrongTableTurnsEverythingIntoErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := live(t, "fast")
		w.create(good())
		time.Sleep(time.Second)
		w.put(event("1"), `{"id":"2","n":"x"}`, `[]`, `nothing`)
		time.Sleep(10 * time.Second)
		w.expect("1")
		_, err := glue.NewFromConfig(w.cfg).UpdateTable(t.Context(), &glue.UpdateTableInput{DatabaseName: aws.String("db"), TableInput: &gluetypes.TableInput{Name: aws.String("events")}})
		must(t, err)
		w.put(event("3"))
		time.Sleep(10 * time.Second)
		w.expect("1")
		_, failures := w.read()
		var got []string
		for _, f := range failures {
			got = append(got, strings.TrimPrefix(f.LastErrorCode, "DataFormatConversion.")+" "+string(f.RawData))
			if f.SequenceNumber == "" || f.ArrivalTimestamp == 0 || f.AttemptEndingTimestamp < f.ArrivalTimestamp || f.DataCatalogTable.TableName != "events" {
				t.Errorf("got %+v", f)
			}
		}
		want := []string{`MalformedData {"id":"2","n":"x"}`, `MalformedData []`, `ParseError nothing`, `InvalidSchema ` + event("3")}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("failures (-want +got):\n%s", diff)
		}
		time.Sleep(5 * time.Minute)
		for metric, want := range map[string]float64{
			"DeliveryToS3.Success": 3, "DeliveryToS3.ObjectCount": 3, "DeliveryToS3.Records": 1, "DataReadFromKinesisStream.Records": 5,
			"SucceedConversion.Records": 1, "FailedConversion.Records": 4, "SucceedConversion.Bytes": float64(len(event("1"))),
		} {
			if got := w.sum(metric); got != want {
				t.Errorf("%s: got %v, want %v", metric, got, want)
			}
		}
	})
}

// direct takes records from producers and keeps them as they are.
func direct() *firehose.CreateDeliveryStreamInput {
	in := good()
	in.DeliveryStreamType, in.KinesisStreamSourceConfiguration = types.DeliveryStreamTypeDirectPut, nil
	d := in.ExtendedS3DestinationConfiguration
	d.DataFormatConversionConfiguration, d.CompressionFormat = nil, types.CompressionFormatGzip
	d.BufferingHints = &types.BufferingHints{SizeInMBs: aws.Int32(1), IntervalInSeconds: aws.Int32(60)}
	return in
}

func TestRecordsFromProducers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := live(t, "aws")
		w.create(direct())
		put := func(records ...string) error {
			in := &firehose.PutRecordBatchInput{DeliveryStreamName: aws.String(name)}
			for _, r := range records {
				in.Records = append(in.Records, types.Record{Data: []byte(r)})
			}
			_, err := w.firehose.PutRecordBatch(t.Context(), in)
			return err
		}
		if err := put("x"); !apierr.Is(err, "ResourceNotFoundException") {
			t.Errorf("while CREATING: got %v", err)
		}
		time.Sleep(time.Minute)
		expect := func(want string) {
			t.Helper()
			got := ""
			lake := w.lake()
			for _, key := range slices.Sorted(maps.Keys(lake)) {
				r, err := gzip.NewReader(bytes.NewReader(lake[key]))
				must(t, err)
				text, err := io.ReadAll(r)
				must(t, err)
				got += string(text) + "|"
			}
			if got != want {
				t.Errorf("got %.40q, want %.40q", got, want)
			}
		}
		must(t, put("a", "b"))
		_, err := w.firehose.PutRecord(t.Context(), &firehose.PutRecordInput{DeliveryStreamName: aws.String(name), Record: &types.Record{Data: []byte("c")}})
		must(t, err)
		time.Sleep(59 * time.Second)
		expect("")
		time.Sleep(2 * time.Second)
		expect("abc|")
		big := strings.Repeat("x", 600_000)
		must(t, put(big, big)) // more than the buffer holds: at once
		synctest.Wait()
		expect("abc|" + big + big + "|")
		if err := put(slices.Repeat([]string{strings.Repeat("x", 1_000_000)}, 5)...); !apierr.Is(err, "InvalidArgumentException") {
			t.Errorf("5 MB: got %v", err)
		}
		time.Sleep(time.Second) // or the names' order would be chance
		must(t, put("deleted"))
		_, err = w.firehose.DeleteDeliveryStream(t.Context(), &firehose.DeleteDeliveryStreamInput{DeliveryStreamName: aws.String(name)})
		must(t, err)
		synctest.Wait()
		expect("abc|" + big + big + "|deleted|")
		time.Sleep(5 * time.Minute)
		if got := w.sum("IncomingRecords"); got != 6 {
			t.Errorf("IncomingRecords: got %v, want 6", got)
		}

		w.create(good())
		time.Sleep(time.Minute)
		if err := put("x"); !apierr.Is(err, "InvalidArgumentException") {
			t.Errorf("put where Kinesis is read: got %v", err)
		}
	})
}

// step is something that happens to a pipeline under load.
type step struct {
	What string // put, wait, split, merge, forbid, allow
	N    int
}

// Whatever happens, every record ends in exactly one object: as a row or, when
// it fits no table, as a failure. The rows of a key keep their order.
func TestEveryRecordIsDeliveredOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{rapid.SampledFrom([]string{"put", "put", "put", "wait", "split", "merge", "forbid", "allow"}).Draw(t, "what"), rapid.IntRange(1, 60).Draw(t, "n")}
		}), 1, 25).Draw(rt, "steps")
		if diff := deliverOnce(t, steps); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func deliverOnce(t *testing.T, steps []step) (diff string) {
	synctest.Test(t, func(t *testing.T) {
		w := live(t, "fast")
		w.create(good())
		time.Sleep(time.Second)
		sent, bad, shards := map[string][]string{}, []string{}, int32(1)
		for i, s := range steps {
			switch s.What {
			case "put":
				var records []string
				for n := range s.N {
					key, id := fmt.Sprint("key-", n%7), fmt.Sprintf("key-%d/%03d-%02d", n%7, i, n)
					if n%13 == 5 {
						bad = append(bad, id)
						records = append(records, key+"\t"+id)
						continue
					}
					sent[key] = append(sent[key], id)
					records = append(records, key+"\t"+event(id))
				}
				w.put(records...)
			case "wait":
				time.Sleep(time.Duration(s.N) * 200 * time.Millisecond)
			case "split", "merge":
				next := shards * 2
				if s.What == "merge" {
					next = (shards + 1) / 2
				}
				_, err := w.kinesis.UpdateShardCount(context.Background(), &kinesis.UpdateShardCountInput{
					StreamName: aws.String("telemetry"), TargetShardCount: &next, ScalingType: kinesistypes.ScalingTypeUniformScaling})
				if err == nil { // not while one is under way, not ten times a day
					shards = next
				}
			case "forbid":
				allow(t, w.cfg, slices.DeleteFunc(enough(), func(a string) bool { return a == "s3:PutObject" }))
			case "allow":
				allow(t, w.cfg, enough())
			}
		}
		allow(t, w.cfg, enough())
		time.Sleep(5 * time.Minute)
		ids, failures := w.read()
		got := map[string][]string{}
		for _, id := range ids {
			key, _, _ := strings.Cut(id, "/")
			got[key] = append(got[key], id)
		}
		failed := []string{}
		for _, f := range failures {
			failed = append(failed, string(f.RawData))
		}
		slices.Sort(failed)
		slices.Sort(bad)
		diff = cmp.Diff(sent, got) + cmp.Diff(bad, failed)
	})
	return diff
}

// A merged shard has two parents. It is read when both are drained, however
// much is left in one of them.
func TestParentsAreDrainedBeforeTheirChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := live(t, "fast")
		resize := func(shards int32) {
			_, err := w.kinesis.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{
				StreamName: aws.String("telemetry"), TargetShardCount: &shards, ScalingType: kinesistypes.ScalingTypeUniformScaling})
			must(t, err)
			time.Sleep(time.Second)
		}
		const busy = "340282366920938463463374607431768211455" // the last hash key there is
		put := func(id string, n int) {
			in := &kinesis.PutRecordsInput{StreamName: aws.String("telemetry")}
			for range n {
				in.Records = append(in.Records, kinesistypes.PutRecordsRequestEntry{PartitionKey: aws.String("k"), ExplicitHashKey: aws.String(busy), Data: []byte(event(id))})
			}
			out, err := w.kinesis.PutRecords(t.Context(), in)
			if err != nil || *out.FailedRecordCount > 0 {
				t.Fatalf("put: %v", err)
			}
		}
		resize(2)
		w.create(good())
		time.Sleep(time.Second)
		allow(t, w.cfg, slices.DeleteFunc(enough(), func(a string) bool { return a == "kinesis:GetRecords" }))
		time.Sleep(2 * time.Second)
		const many = 25 // more than two reads give
		for range many {
			put("parent", 500)
			put("parent", 500)
			time.Sleep(time.Second)
		}
		resize(1)
		put("child", 1)
		allow(t, w.cfg, enough())
		time.Sleep(time.Minute)
		ids, _ := w.read()
		if at := slices.Index(ids, "child"); at != many*1000 || len(ids) != at+1 {
			t.Errorf("the child's record is number %d of %d, want %d and the last", at, len(ids), many*1000)
		}
	})
}
