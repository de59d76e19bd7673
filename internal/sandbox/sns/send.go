package sns

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

const principal = "sns.amazonaws.com"

var errUnserved = errors.New("the sandbox delivers nothing over this protocol")

func (s *Service) url() string {
	return strings.TrimSuffix(cmp.Or(s.bus.Endpoint, bus.NoEndpoint), "/")
}

// enqueue sends a notification to a queue. SNS does not try again when the
// queue is gone or does not let it in.
func (s *Service) enqueue(d *delivery) error {
	if s.bus.Queues == nil || !s.bus.Queues.ServiceMay(d.endpoint, principal, d.topic) {
		return fmt.Errorf("%s does not let %s in", d.endpoint, principal)
	}
	m := bus.Outgoing{Group: d.group, Dedup: d.dedup}
	if !d.raw {
		m.Body = s.envelope(d).text()
		return s.bus.QueueData.Send(d.endpoint, m)
	}
	m.Body, m.UserData = d.text(d.protocol), map[string]bus.MessageAttribute{}
	for name, v := range d.attributes {
		m.UserData[name] = bus.MessageAttribute{DataType: aws.ToString(v.DataType), String: aws.ToString(v.StringValue), Binary: v.BinaryValue}
	}
	return s.bus.QueueData.Send(d.endpoint, m)
}

// invoke hands a notification to Lambda, which takes it for later: a function
// that fails is Lambda's business, which tries twice again, after one minute and
// after two ("Asynchronous invocation", Lambda developer guide).
func (s *Service) invoke(ctx context.Context, d *delivery) {
	if s.bus.Functions == nil || s.bus.Invoker == nil || !s.bus.Functions.Function(d.endpoint) {
		s.settle(d, fmt.Errorf("no function %s", d.endpoint))
		return
	}
	if err := s.dead(d); err != nil {
		s.settle(d, err)
		return
	}
	s.settle(d, nil)
	payload := s.event(d)
	for _, pause := range []time.Duration{time.Minute, 2 * time.Minute, 0} {
		_, err := s.bus.Invoker.Invoke(ctx, d.endpoint, payload)
		if err == nil || pause == 0 || !sleep(ctx, pause) {
			return
		}
	}
}

// event is a notification as functions get it.
func (s *Service) event(d *delivery) []byte {
	e := s.envelope(d)
	attributes := e.Attributes
	if attributes == nil {
		attributes = map[string]attribute{}
	}
	text, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": d.subscription,
		"Sns": map[string]any{
			"Type": e.Type, "MessageId": e.MessageID, "TopicArn": e.TopicARN, "Subject": d.subject, "Message": e.Message, "Timestamp": e.Timestamp,
			"SignatureVersion": e.SignatureVersion, "Signature": e.Signature, "SigningCertUrl": e.SigningCertURL, "UnsubscribeUrl": e.UnsubscribeURL,
			"MessageAttributes": attributes,
		},
	}}})
	if err != nil {
		panic("sns: " + err.Error()) // texts only
	}
	return text
}

// retries is how often SNS tries again to reach an HTTP endpoint whose
// subscription has no delivery policy of its own.
const retries = 3

// post delivers to an HTTP endpoint, which must be on this machine. Each failed
// attempt counts.
func (s *Service) post(ctx context.Context, d *delivery) {
	for try := range 1 + retries {
		if try > 0 && !sleep(ctx, s.bus.Timing.NotifyRetry) {
			return
		}
		select {
		case s.posting <- struct{}{}:
		case <-ctx.Done():
			return
		}
		final, err := s.attempt(ctx, d)
		<-s.posting
		switch {
		case ctx.Err() != nil:
			return
		case d.confirm != "":
			if err == nil {
				return
			}
			continue
		case err == nil:
			s.measure(d.name, "NumberOfNotificationsDelivered", 1)
			return
		}
		s.measure(d.name, "NumberOfNotificationsFailed", 1)
		if final {
			break
		}
	}
	if d.confirm == "" {
		s.redrive(d)
	}
}

// attempt posts once. final is whether trying again is of no use: SNS takes
// answers of 400 to 499 but 429 for permanent ("Amazon SNS message delivery
// retries", SNS developer guide).
func (s *Service) attempt(ctx context.Context, d *delivery) (final bool, err error) {
	if err := s.dead(d); err != nil {
		return false, err
	}
	if !loopback(d.endpoint) {
		return true, errors.New("the sandbox posts to this machine only")
	}
	e := s.envelope(d)
	body := e.text()
	if d.raw && d.confirm == "" {
		body = e.Message
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.endpoint, bytes.NewReader([]byte(body)))
	if err != nil {
		return true, err
	}
	r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	r.Header.Set("User-Agent", "Amazon Simple Notification Service Agent")
	r.Header.Set("x-amz-sns-message-type", e.Type)
	r.Header.Set("x-amz-sns-message-id", e.MessageID)
	r.Header.Set("x-amz-sns-topic-arn", d.topic)
	if d.confirm == "" {
		r.Header.Set("x-amz-sns-subscription-arn", d.subscription)
		if d.raw {
			r.Header.Set("x-amz-sns-rawdelivery", "true")
		}
	}
	res, err := s.client.Do(r)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	if res.StatusCode/100 == 2 {
		return false, nil
	}
	return res.StatusCode/100 == 4 && res.StatusCode != http.StatusTooManyRequests, fmt.Errorf("answered %s", res.Status)
}

// newClient posts as SNS does: 15 s for an answer, no redirects. It keeps no
// connections, which would outlive the sandbox.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       15 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// loopback says whether a URL is of this machine.
func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// sleep is false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// maxLetters is how many letters the outbox keeps.
const maxLetters = 10000

// mail puts a letter into the outbox.
func (s *Service) mail(d *delivery) {
	l := bus.Letter{At: time.Now(), Protocol: d.protocol, To: d.endpoint, Topic: d.topic, Subject: d.subject, Body: d.text(d.protocol), Token: d.confirm}
	switch {
	case d.confirm != "":
		l.Subject = "AWS Notification - Subscription Confirmation"
		l.Body = "You have chosen to subscribe to the topic:\n" + d.topic + "\n\nTo confirm this subscription, visit:\n" + s.confirmURL(d.topic, d.confirm)
	case d.protocol == "email" && l.Subject == "":
		l.Subject = "AWS Notification Message"
	case d.protocol == "email-json":
		l.Body = s.envelope(d).text()
	}
	s.letterMu.Lock()
	defer s.letterMu.Unlock()
	s.letters = append(s.letters, l)
	if len(s.letters) > 2*maxLetters {
		s.letters = slices.Clone(s.letters[len(s.letters)-maxLetters:])
	}
}

// Letters implements bus.Outbox. It keeps the newest ten thousand.
func (s *Service) Letters() []bus.Letter {
	s.letterMu.Lock()
	defer s.letterMu.Unlock()
	return append([]bus.Letter{}, s.letters[max(0, len(s.letters)-maxLetters):]...)
}
