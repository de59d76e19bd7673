package deadletter

import (
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
)

// Record is a whole message as it is written to a file, a line of JSON each. It
// leaves nothing out but the receipt, which is of no use to anybody else.
type Record struct {
	Queue     string                     `json:"queue"`
	MessageID string                     `json:"message_id"`
	Body      string                     `json:"body"`
	Attrs     map[string]RecordAttribute `json:"attributes,omitempty"`
	Trace     string                     `json:"trace_header,omitempty"`
	Sent      *time.Time                 `json:"sent,omitempty"`
	Received  *time.Time                 `json:"first_received,omitempty"`
	Receives  int                        `json:"receives"`
	Group     string                     `json:"group,omitempty"`
	Dedup     string                     `json:"deduplication_id,omitempty"`
	Sequence  string                     `json:"sequence_number,omitempty"`
	Source    string                     `json:"source_arn,omitempty"`
	Cause     RecordCause                `json:"cause"`
}

// RecordAttribute is one attribute: a string, or bytes in base64.
type RecordAttribute struct {
	Type   string `json:"type"`
	String string `json:"string,omitempty"`
	Binary []byte `json:"binary,omitempty"`
}

// RecordCause is why the message failed, as far as it tells.
type RecordCause struct {
	Origin  Origin `json:"origin"`
	Text    string `json:"text"`
	Certain bool   `json:"fails_again"`
}

// RecordOf is a message of a queue as a record.
func RecordOf(queueName string, m queue.Message) Record {
	r := Record{
		Queue: queueName, MessageID: m.ID, Body: m.Body, Trace: m.Trace, Receives: m.Receives, Sent: utc(m.Sent), Received: utc(m.FirstReceived),
		Group: m.Group, Dedup: m.Dedup, Sequence: m.Sequence, Source: m.Source, Cause: RecordCause(CauseOf(m)),
	}
	for name, a := range m.Attributes {
		if r.Attrs == nil {
			r.Attrs = map[string]RecordAttribute{}
		}
		r.Attrs[name] = RecordAttribute(a)
	}
	return r
}

// Message is the message of a record, without a receipt.
func (r Record) Message() queue.Message {
	m := queue.Message{
		ID: r.MessageID, Body: r.Body, Trace: r.Trace, Receives: r.Receives,
		Group: r.Group, Dedup: r.Dedup, Sequence: r.Sequence, Source: r.Source,
	}
	if r.Sent != nil {
		m.Sent = *r.Sent
	}
	if r.Received != nil {
		m.FirstReceived = *r.Received
	}
	for name, a := range r.Attrs {
		if m.Attributes == nil {
			m.Attributes = map[string]queue.Attribute{}
		}
		m.Attributes[name] = queue.Attribute(a)
	}
	return m
}

func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}
