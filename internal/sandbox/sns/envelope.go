package sns

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// attribute is a message attribute in an envelope.
type attribute struct {
	Type  string
	Value string // of Binary in base64
}

// envelope is a notification, or the request to confirm a subscription, as SNS
// sends it ("Parsing message formats", SNS developer guide). Its signature is
// made up: there is no certificate that it could be checked against.
type envelope struct {
	Type             string
	MessageID        string `json:"MessageId"`
	Token            string `json:",omitempty"`
	TopicARN         string `json:"TopicArn"`
	Subject          string `json:",omitempty"`
	Message          string
	SubscribeURL     string `json:",omitempty"`
	Timestamp        string
	SignatureVersion string
	Signature        string
	SigningCertURL   string
	UnsubscribeURL   string               `json:",omitempty"`
	Attributes       map[string]attribute `json:"MessageAttributes,omitempty"`
}

const timestamp = "2006-01-02T15:04:05.000Z"

func (s *Service) envelope(d *delivery) envelope {
	e := envelope{
		Type: "Notification", MessageID: d.id, TopicARN: d.topic, Subject: d.subject, Message: d.text(d.protocol),
		Timestamp: d.at.UTC().Format(timestamp), SignatureVersion: "1", Signature: base64.StdEncoding.EncodeToString([]byte("sandbox")),
		SigningCertURL: s.url() + "/SimpleNotificationService-sandbox.pem",
	}
	if d.confirm != "" {
		e.Type, e.Token, e.SubscribeURL = "SubscriptionConfirmation", d.confirm, s.confirmURL(d.topic, d.confirm)
		return e
	}
	e.UnsubscribeURL = s.url() + "/?" + url.Values{"Action": {"Unsubscribe"}, "SubscriptionArn": {d.subscription}, "Version": {version}}.Encode()
	for name, v := range d.attributes {
		if e.Attributes == nil {
			e.Attributes = map[string]attribute{}
		}
		value := aws.ToString(v.StringValue)
		if v.StringValue == nil {
			value = base64.StdEncoding.EncodeToString(v.BinaryValue)
		}
		e.Attributes[name] = attribute{Type: aws.ToString(v.DataType), Value: value}
	}
	return e
}

// version is SNS's of its API. AWS's own links go without; the sandbox tells
// services apart by it.
const version = "2010-03-31"

func (s *Service) confirmURL(topic, token string) string {
	return s.url() + "/?" + url.Values{"Action": {"ConfirmSubscription"}, "TopicArn": {topic}, "Token": {token}, "Version": {version}}.Encode()
}

// text is the envelope as JSON, with <, > and & as they are.
func (e envelope) text() string {
	var b strings.Builder
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false)
	if err := j.Encode(e); err != nil {
		panic("sns: " + err.Error()) // texts only
	}
	return strings.TrimSuffix(b.String(), "\n")
}
