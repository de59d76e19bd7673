package live

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/ccs-platform/ccsctl/internal/functions/environment"
)

// endpoint answers each operation of AWS with what the test says, and keeps the
// requests. SNS still speaks the Query protocol, where the action is in the body.
func endpoint(t *testing.T, answer func(operation, body string) (int, string)) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		status, out := answer(operation, string(body))
		w.WriteHeader(status)
		io.WriteString(w, out)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func handler(t *testing.T, name, url string) Handler {
	t.Helper()
	env := map[string]string{
		environment.Handler: name, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": url,
		environment.EmergencyQueue: url + "/1/emergency.fifo", environment.TelemetryQueue: url + "/1/telemetry",
		environment.StateMachine: "arn:aws:states:eu-central-1:111122223333:stateMachine:emergency",
		environment.OwnerTopic:   "arn:aws:sns:eu-central-1:111122223333:owner", environment.ManagerTopic: "arn:aws:sns:eu-central-1:111122223333:manager",
	}
	getenv := func(key string) string { return env[key] }
	h, err := New(Config(getenv), getenv, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func event(id int, kind string) string {
	return fmt.Sprintf(`{"event_id":"e%d","vehicle_id":"v","type":%q,"severity":"warning","occurred_at":"2026-11-23T15:00:00Z"}`, id, kind)
}

// A batch call that succeeds while one of its entries fails is the quiet way to
// lose an emergency (trap 37).
func TestIngestReportsTheEntryThatSQSRefused(t *testing.T) {
	var batches []int
	h := handler(t, environment.Ingest, endpoint(t, func(operation, body string) (int, string) {
		var in struct {
			QueueURL string `json:"QueueUrl"`
			Entries  []struct {
				ID          string `json:"Id"`
				MessageBody string
				Group       string `json:"MessageGroupId"`
				Dedup       string `json:"MessageDeduplicationId"`
			}
		}
		if err := json.Unmarshal([]byte(body), &in); err != nil || operation != "SendMessageBatch" || !strings.HasSuffix(in.QueueURL, ".fifo") {
			t.Errorf("%s %s: %v", operation, body, err)
		}
		batches = append(batches, len(in.Entries))
		var good, bad []string
		for _, e := range in.Entries {
			if e.Group != "v" {
				t.Errorf("message group %q, want the vehicle", e.Group)
			}
			if e.Dedup == "e13" {
				bad = append(bad, fmt.Sprintf(`{"Id":%q,"Code":"InternalError","SenderFault":false}`, e.ID))
				continue
			}
			good = append(good, fmt.Sprintf(`{"Id":%q,"MessageId":"m","MD5OfMessageBody":"%x"}`, e.ID, md5.Sum([]byte(e.MessageBody))))
		}
		return 200, fmt.Sprintf(`{"Successful":[%s],"Failed":[%s]}`, strings.Join(good, ","), strings.Join(bad, ","))
	}))
	var records []string
	for i := range 25 {
		data := base64.StdEncoding.EncodeToString([]byte(event(i, "crash")))
		records = append(records, fmt.Sprintf(`{"kinesis":{"sequenceNumber":"%d","data":%q}}`, 100+i, data))
	}
	out, err := h.Invoke(t.Context(), []byte(`{"Records":[`+strings.Join(records, ",")+`]}`))
	if want := `{"batchItemFailures":[{"itemIdentifier":"113"}]}`; err != nil || string(out) != want {
		t.Errorf("got %s (%v), want %s", out, err, want)
	}
	if want := []int{10, 10}; !slices.Equal(batches, want) {
		t.Errorf("sent batches of %v, want %v: what follows a refusal is delivered again", batches, want)
	}
}

func TestEmergencyTakesAnExecutionThatExistsForStarted(t *testing.T) {
	h := handler(t, environment.Emergency, endpoint(t, func(operation, body string) (int, string) {
		var in struct{ StateMachineArn, Name, Input string }
		if err := json.Unmarshal([]byte(body), &in); err != nil || operation != "StartExecution" || !strings.HasSuffix(in.StateMachineArn, ":emergency") {
			t.Errorf("%s %s: %v", operation, body, err)
		}
		switch {
		case strings.HasPrefix(in.Name, "e1-"):
			return 400, `{"__type":"com.amazonaws.swf.service.v2.model#ExecutionAlreadyExists","message":"Execution Already Exists"}`
		case strings.HasPrefix(in.Name, "e2-"):
			return 400, `{"__type":"StateMachineDoesNotExist","message":"State Machine Does Not Exist"}`
		}
		return 200, `{"executionArn":"arn","startDate":1763910000}`
	}))
	var records []string
	for i := range 3 {
		records = append(records, fmt.Sprintf(`{"messageId":"m%d","body":%q}`, i, event(i, "crash")))
	}
	out, err := h.Invoke(t.Context(), []byte(`{"Records":[`+strings.Join(records, ",")+`]}`))
	if want := `{"batchItemFailures":[{"itemIdentifier":"m2"}]}`; err != nil || string(out) != want {
		t.Errorf("got %s (%v), want %s", out, err, want)
	}
}

func TestFollowUpPublishesToTheTopicOfItsAudience(t *testing.T) {
	var sent []string
	h := handler(t, environment.FollowUp, endpoint(t, func(_, body string) (int, string) {
		sent = append(sent, body)
		return 200, `<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>`
	}))
	out, err := h.Invoke(t.Context(), fmt.Appendf(nil, `{"Records":[{"messageId":"m0","body":%q}]}`, event(0, "geofence")))
	if err != nil || string(out) != `{"batchItemFailures":[]}` {
		t.Errorf("got %s (%v), want no failures", out, err)
	}
	if len(sent) != 2 || !strings.Contains(sent[0], "Action=Publish") || !strings.Contains(sent[0], "%3Aowner") || !strings.Contains(sent[1], "%3Amanager") {
		t.Errorf("published %q, want one to the owners and one to the managers", sent)
	}
}

func TestHandlerNamesWhatTheEnvironmentLacks(t *testing.T) {
	for name, want := range map[string]string{
		"":                    `CCSCTL_HANDLER="" names no function`,
		"ingress":             `CCSCTL_HANDLER="ingress" names no function`,
		environment.Ingest:    "EMERGENCY_QUEUE_URL is not set\nTELEMETRY_QUEUE_URL is not set",
		environment.FollowUp:  "OWNER_TOPIC_ARN is not set\nMANAGER_TOPIC_ARN is not set",
		environment.Emergency: "STATE_MACHINE_ARN is not set",
	} {
		getenv := func(key string) string { return map[string]string{environment.Handler: name}[key] }
		if _, err := New(Config(getenv), getenv, slog.New(slog.DiscardHandler)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", name, err, want)
		}
	}
}
