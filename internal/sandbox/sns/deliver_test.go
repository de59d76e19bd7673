package sns_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	service "github.com/ccs-platform/ccsctl/internal/sandbox/sns"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// alone is SNS with neighbours as small as can be: queues that take everything
// unless they are closed, a key and roles that may do what is said, and a count
// of what SNS measures.
type alone struct {
	bus *bus.Bus
	api *sns.Client

	mu      sync.Mutex
	more    sync.Cond // counted
	sent    []string  // queue and message
	closed  map[string]bool
	counted map[string]float64
	may     map[string]bool // "principal action"
}

func (a *alone) Queue(string) (bus.Queue, bool) { return bus.Queue{}, true }
func (a *alone) ServiceMay(queue, _, source string) bool {
	return source == *arn("alerts") && !a.closed[queue]
}

func (a *alone) Send(queue string, m bus.Outgoing) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent = append(a.sent, queue[strings.LastIndexByte(queue, ':')+1:]+" "+m.Body)
	return nil
}

func (a *alone) Receive(context.Context, string, int, time.Duration) ([]bus.Message, error) {
	return nil, nil
}
func (a *alone) Delete(string, ...string) error { return nil }

func (a *alone) Add(id bus.MetricID, s bus.Samples) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counted[strings.TrimPrefix(id.Name, "NumberOf")] += s.Sum
	a.more.Broadcast()
}

// await waits until so much was counted.
func (a *alone) await(name string, n float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.counted[name] < n {
		a.more.Wait()
	}
}
func (a *alone) Gauge(func(func(bus.MetricID, float64))) {}

// counts is all that was measured since the last time, but for sizes.
func (a *alone) counts() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.counted, "PublishSize")
	var all []string
	for _, name := range slices.Sorted(maps.Keys(a.counted)) {
		all = append(all, fmt.Sprint(name, " ", a.counted[name]))
	}
	clear(a.counted)
	return strings.Join(all, ", ")
}

type keys struct{ *alone }

func (k keys) Key(ref string) (bus.Key, bool) {
	return bus.Key{ID: ref, ARN: "arn:key", State: "Enabled"}, true
}
func (k keys) ServiceMay(_, service, action string) bool { return k.may[service+" "+action] }

type roles struct{ *alone }

func (r roles) Assume(string, string, string) error { return nil }
func (r roles) Allowed(role, action, resource string) bool {
	return r.may[role+" "+action+" "+resource]
}

type inProcess struct{ http.Handler }

func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result(), nil
}

// run runs SNS with the topic alerts for as long as the test lasts.
func run(t *testing.T, test func(a *alone)) {
	t.Helper()
	timing, err := bus.TimingNamed("instant")
	must(t, err)
	a := &alone{closed: map[string]bool{}, counted: map[string]float64{}, may: map[string]bool{}}
	a.more.L = &a.mu
	a.bus = &bus.Bus{Account: sandbox.Account, Region: sandbox.Region, Timing: timing, Endpoint: "http://sandbox", Queues: a, QueueData: a, Metrics: a, Keys: keys{a}, Roles: roles{a}}
	server := wire.NewServer([]wire.Service{service.New(a.bus).Wire()}, nil, http.NotFoundHandler())
	a.api = sns.New(sns.Options{Region: sandbox.Region, BaseEndpoint: &a.bus.Endpoint, HTTPClient: inProcess{server}, Credentials: aws.AnonymousCredentials{}})
	_, err = a.api.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("alerts")})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.bus.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	test(a)
}

func (a *alone) subscribe(t *testing.T, protocol, endpoint string, attributes map[string]string) {
	t.Helper()
	if protocol == "sqs" {
		endpoint = queueARN(endpoint)
	}
	_, err := a.api.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: arn("alerts"), Protocol: &protocol, Endpoint: &endpoint, Attributes: attributes})
	must(t, err)
}

func queueARN(name string) string {
	return "arn:aws:sqs:" + sandbox.Region + ":" + sandbox.Account + ":" + name
}

func (a *alone) publish(t *testing.T, message string, attributes ...string) {
	t.Helper()
	in := &sns.PublishInput{TopicArn: arn("alerts"), Message: &message, Subject: aws.String("S"), MessageAttributes: map[string]types.MessageAttributeValue{}}
	for i := 0; i < len(attributes); i += 2 {
		kind := "String"
		if strings.Trim(attributes[i+1], "0123456789.") == "" {
			kind = "Number"
		}
		in.MessageAttributes[attributes[i]] = types.MessageAttributeValue{DataType: &kind, StringValue: &attributes[i+1]}
	}
	_, err := a.api.Publish(t.Context(), in)
	must(t, err)
}

var raw = map[string]string{"RawMessageDelivery": "true"}

// A dead subscriber shows in NumberOfNotificationsFailed, its notifications end
// in its dead-letter queue, and the others are not held up.
func TestADeadSubscriberIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run(t, func(a *alone) {
			a.subscribe(t, "sqs", "good", raw)
			a.subscribe(t, "sqs", "bad", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + queueARN("dlq") + `"}`})
			a.publish(t, "m")
			synctest.Wait()
			if got, want := a.counts(), "MessagesPublished 1, NotificationsDelivered 2"; got != want {
				t.Errorf("both alive: %s, want %s", got, want)
			}
			a.closed[queueARN("bad")] = true
			a.sent = nil
			for i := range 5 {
				a.publish(t, fmt.Sprint(i))
			}
			synctest.Wait()
			if got, want := a.counts(), "MessagesPublished 5, NotificationsDelivered 5, NotificationsFailed 5, NotificationsRedrivenToDlq 5"; got != want {
				t.Errorf("one dead: %s, want %s", got, want)
			}
			var good []string
			for _, m := range a.sent {
				if q, body, _ := strings.Cut(m, " "); q == "good" {
					good = append(good, body)
				} else if q != "dlq" || !strings.HasPrefix(body, `{"Type":"Notification","MessageId":"`) {
					t.Errorf("to %s went %s", q, body)
				}
			}
			if diff := cmp.Diff([]string{"0", "1", "2", "3", "4"}, good); diff != "" {
				t.Errorf("the live one, in order:\n%s", diff)
			}
		})
	})
}

// What goes to a queue is the envelope of the SNS developer guide.
func TestEnvelope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run(t, func(a *alone) {
			a.subscribe(t, "sqs", "q", nil)
			a.publish(t, "a < b", "speed", "12")
			synctest.Wait()
			var got map[string]any
			_, body, _ := strings.Cut(a.sent[0], " ")
			must(t, json.Unmarshal([]byte(body), &got))
			for _, made := range []string{"MessageId", "Signature", "SigningCertURL", "UnsubscribeURL"} {
				if got[made] == "" {
					t.Errorf("no %s", made)
				}
				delete(got, made)
			}
			want := map[string]any{
				"Type": "Notification", "TopicArn": *arn("alerts"), "Subject": "S", "Message": "a < b", "Timestamp": "2000-01-01T00:00:00.000Z", "SignatureVersion": "1",
				"MessageAttributes": map[string]any{"speed": map[string]any{"Type": "Number", "Value": "12"}},
			}
			if diff := cmp.Diff(want, got); diff != "" || !strings.Contains(body, "a < b") {
				t.Errorf("%s\n%s", diff, body)
			}
		})
	})
}

// Trap 24: nobody is told before they confirmed with the token in their letter.
func TestMailIsConfirmedByItsLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run(t, func(a *alone) {
			a.subscribe(t, "email", "a@b.c", nil)
			a.subscribe(t, "sms", "+353871234567", nil)
			a.publish(t, "one")
			synctest.Wait()
			letters := a.bus.Outbox.Letters()
			if len(letters) != 2 || letters[0].Token == "" || letters[1].Protocol != "sms" || letters[1].Body != "one" {
				t.Fatalf("the outbox holds %+v", letters)
			}
			_, err := a.api.ConfirmSubscription(t.Context(), &sns.ConfirmSubscriptionInput{TopicArn: arn("alerts"), Token: &letters[0].Token})
			must(t, err)
			a.publish(t, "two")
			synctest.Wait()
			letters = a.bus.Outbox.Letters()[2:]
			if len(letters) != 2 || letters[0].To != "a@b.c" || letters[0].Body != "two" || letters[0].Subject != "S" || letters[0].Token != "" {
				t.Errorf("once confirmed: %+v", letters)
			}
		})
	})
}

// An endpoint confirms by the URL that it is sent, and is then tried four times,
// each failed attempt counting.
func TestHTTPEndpoint(t *testing.T) {
	var (
		mu     sync.Mutex
		got    = make(chan *http.Request, 100)
		bodies = map[*http.Request]string{}
		status = http.StatusOK
	)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		bodies[r] = string(body)
		w.WriteHeader(status)
		mu.Unlock()
		got <- r
	}))
	defer endpoint.Close()
	run(t, func(a *alone) {
		a.subscribe(t, "http", endpoint.URL+"/hook", raw)
		a.publish(t, "nobody yet")
		r := <-got
		mu.Lock()
		var asked struct{ Type, Token, SubscribeURL string }
		must(t, json.Unmarshal([]byte(bodies[r]), &asked))
		mu.Unlock()
		if kind := r.Header.Get("x-amz-sns-message-type"); kind != "SubscriptionConfirmation" || asked.Type != kind {
			t.Errorf("asked by %s: %+v", kind, asked)
		}
		link, err := url.Parse(asked.SubscribeURL)
		must(t, err)
		res, err := a.api.Options().HTTPClient.Do(httptest.NewRequest(http.MethodGet, link.String(), nil))
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("confirming: %v, %v", res, err)
		}
		res.Body.Close()
		a.publish(t, "hello")
		r = <-got
		mu.Lock()
		if bodies[r] != "hello" || r.Header.Get("x-amz-sns-rawdelivery") != "true" || r.Header.Get("x-amz-sns-topic-arn") != *arn("alerts") {
			t.Errorf("delivered %q with %v", bodies[r], r.Header)
		}
		status = http.StatusInternalServerError
		mu.Unlock()
		a.publish(t, "trouble")
		for range 4 {
			<-got
		}
		mu.Lock()
		status = http.StatusNotFound // which SNS takes for final
		mu.Unlock()
		a.publish(t, "gone")
		a.await("NotificationsFailed", 5)
		if got, want := a.counts(), "MessagesPublished 4, NotificationsDelivered 1, NotificationsFailed 5"; got != want {
			t.Errorf("counted %s, want %s", got, want)
		}
		<-got
	})
	if n := len(got); n != 0 {
		t.Errorf("%d attempts too many", n)
	}
}

func TestFilters(t *testing.T) {
	const message = `{"who":{"name":"v1"},"speed":50}`
	for policy, want := range map[string]bool{
		`{"type":["crash","fire"]}`: true,
		`{"type":["theft"]}`:        false,
		`{"type":[{"prefix":"cr"}],"speed":[{"numeric":[">",9,"<=",10]}]}`: true,
		`{"speed":[{"numeric":["<",10]}]}`:                                 false,
		`{"speed":[10]}`:                                                   true,
		`{"type":[{"anything-but":["fire"]}]}`:                             true,
		`{"type":[{"anything-but":{"prefix":"cr"}}]}`:                      false,
		`{"absent":[{"anything-but":"x"}]}`:                                false,
		`{"absent":[{"exists":false}],"type":[{"exists":true}]}`:           true,
		`{"type":[{"suffix":"sh"}]}`:                                       true,
		`{"type":[{"equals-ignore-case":"CRASH"}]}`:                        true,
		`body{"who":{"name":["v1"]},"speed":[{"numeric":["=",50]}]}`:       true,
		`body{"who":{"name":["v2"]}}`:                                      false,
	} {
		synctest.Test(t, func(t *testing.T) {
			run(t, func(a *alone) {
				attributes := map[string]string{"FilterPolicy": policy}
				if text, ok := strings.CutPrefix(policy, "body"); ok {
					attributes = map[string]string{"FilterPolicy": text, "FilterPolicyScope": "MessageBody"}
				}
				a.subscribe(t, "sqs", "q", attributes)
				a.publish(t, message, "type", "crash", "speed", "10")
				synctest.Wait()
				counts := a.counts()
				if got := len(a.sent) == 1; got != want || want == strings.Contains(counts, "FilteredOut") {
					t.Errorf("%s: let through %t (%s), want %t", policy, got, counts, want)
				}
			})
		})
	}
}

// Who may publish: traps 22 and 23, and a role's rights.
func TestAccess(t *testing.T) {
	const alarms, role = "cloudwatch.amazonaws.com", "arn:aws:iam::000000000000:role/r"
	policy := func(statement string) map[string]string {
		return map[string]string{"Policy": `{"Statement":[{"Effect":"Allow","Action":"sns:Publish","Resource":"` + *arn("alerts") + `",` + statement + `}]}`}
	}
	const ours = `"Principal":{"Service":"cloudwatch.amazonaws.com"},"Condition":{"StringEquals":{"aws:SourceAccount":"000000000000"},"ArnLike":{"aws:SourceArn":"arn:aws:cloudwatch:*:*:alarm:*"}}`
	for what, test := range map[string]struct {
		by         string
		attributes map[string]string
		may        []string
		want       string
	}{
		"an alarm by default":      {alarms, nil, nil, ""},
		"an alarm by our policy":   {alarms, policy(ours), nil, ""},
		"trap 23":                  {alarms, policy(`"Principal":{"AWS":"arn:aws:iam::000000000000:root"}`), nil, "Resource: arn:aws:cloudwatch:eu-west-1:000000000000:alarm:a is not authorized to perform: SNS:Publish on resource: " + *arn("alerts")},
		"another's account":        {alarms, policy(strings.Replace(ours, "000000000000", "1", 1)), nil, "not authorized to perform: SNS:Publish"},
		"trap 22":                  {alarms, map[string]string{"KmsMasterKeyId": "alias/aws/sns"}, []string{alarms + " kms:GenerateDataKey", alarms + " kms:Decrypt"}, "CloudWatch Alarms does not have authorization to access the SNS topic encryption key."},
		"a key that names no one":  {alarms, map[string]string{"KmsMasterKeyId": "k"}, []string{alarms + " kms:GenerateDataKey"}, "CloudWatch Alarms does not have authorization to access"},
		"a key that lets it in":    {alarms, map[string]string{"KmsMasterKeyId": "k"}, []string{alarms + " kms:GenerateDataKey", alarms + " kms:Decrypt"}, ""},
		"a role without rights":    {role, nil, nil, "User: " + role + " is not authorized to perform: SNS:Publish on resource: " + *arn("alerts")},
		"a role with rights":       {role, nil, []string{role + " sns:Publish " + *arn("alerts")}, ""},
		"a role in the policy":     {role, policy(`"Principal":{"AWS":"` + role + `"}`), nil, ""},
		"a role without the key's": {role, map[string]string{"KmsMasterKeyId": "k"}, []string{role + " sns:Publish " + *arn("alerts"), role + " kms:Decrypt arn:key"}, "KMSAccessDeniedException"},
		"a role with the key's":    {role, map[string]string{"KmsMasterKeyId": "k"}, []string{role + " sns:Publish " + *arn("alerts"), role + " kms:Decrypt arn:key", role + " kms:GenerateDataKey arn:key"}, ""},
	} {
		run(t, func(a *alone) {
			for name, v := range test.attributes {
				_, err := a.api.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: arn("alerts"), AttributeName: &name, AttributeValue: &v})
				must(t, err)
			}
			for _, m := range test.may {
				a.may[m] = true
			}
			id, err := a.bus.Publisher.Publish(test.by, *arn("alerts"), bus.Notification{Message: "m", Source: "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:a"})
			if test.want == "" && (err != nil || id == "") || test.want != "" && !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("%s: got %v, want %q", what, err, test.want)
			}
		})
	}
}
