package sandbox

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Fault is trouble asked for. It meets calls of services, unless Function or
// Subscriber is set.
type Fault struct {
	// ID is given by Add.
	ID string `json:"id,omitempty"`
	// Service and Operation say which calls it meets; "" is every one.
	Service   string `json:"service,omitempty"`
	Operation string `json:"operation,omitempty"`
	// Function makes it meet the invocations of one function instead, by its
	// name or by what follows the last hyphen of it.
	Function string `json:"function,omitempty"`
	// Subscriber makes it meet what SNS delivers to an endpoint instead, over a
	// protocol ("email"), or for a subscription's ARN. A queue or function is
	// its ARN or its name.
	Subscriber string `json:"subscriber,omitempty"`
	// Mutating limits it to calls that change something.
	Mutating bool `json:"mutating,omitempty"`
	// After is how many such calls get by before the first is met.
	After int `json:"after,omitempty"`
	// Times is how many calls it meets before it is over; 0 is all.
	Times int `json:"times,omitempty"`

	// Latency is added to each such call, or invocation.
	Latency Duration `json:"latency,omitempty"`
	// Throttle and Error are shares of the calls that are refused, in the
	// service's own way: for their rate, and for trouble of its own. Of records
	// put to Kinesis, Throttle is a share of the records.
	Throttle Share `json:"throttle,omitempty"`
	Error    Share `json:"error,omitempty"`
	// Down refuses every call, what other services publish over SNS included.
	Down bool `json:"down,omitempty"`
	// Fail is the share of a function's invocations, or of deliveries to a
	// subscriber, that fail.
	Fail Share `json:"fail,omitempty"`
	// Hold leaves the call without effect and without an answer, until the
	// caller goes away or the fault is cleared.
	Hold bool `json:"hold,omitempty"`
	// Code refuses the call with an error of one's own choice.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Status  int    `json:"status,omitempty"`

	// Met is how many calls it met so far, and Held how many of them it held.
	// Both are for reading.
	Met  int `json:"met,omitempty"`
	Held int `json:"held,omitempty"`
}

// String is the fault as ParseFault reads it.
func (f Fault) String() string {
	var words []string
	word := func(set bool, format string, v ...any) {
		if set {
			words = append(words, fmt.Sprintf(format, v...))
		}
	}
	word(f.Function != "", "function:%s", f.Function)
	word(f.Subscriber != "", "subscriber:%s", f.Subscriber)
	switch {
	case f.Operation != "":
		word(true, "%s:%s", cmp.Or(f.Service, anyService), f.Operation)
	default:
		word(f.Service != "", "%s", f.Service)
	}
	slow := "latency"
	if f.Function != "" {
		slow = "slow"
	}
	word(f.Latency > 0, "%s=%v", slow, f.Latency)
	word(f.Throttle > 0, "throttle=%v", f.Throttle)
	word(f.Error > 0, "error=%v", f.Error)
	dead := f.Subscriber != "" && f.Fail == 1
	word(f.Down || dead, "down")
	word(f.Fail > 0 && !dead, "fail=%v", f.Fail)
	word(f.Hold, "hold")
	word(f.Code != "", "code=%s", f.Code)
	word(f.Status > 0, "status=%d", f.Status)
	word(f.Message != "", "message=%q", f.Message)
	word(f.Mutating, "mutating")
	word(f.After > 0, "after=%d", f.After)
	word(f.Times > 0, "times=%d", f.Times)
	return strings.Join(words, " ")
}

// anyService stands for all of them before an operation: "*:TagResource".
const anyService = "*"

// meets reports whether the fault is about a call.
func (f *Fault) meets(c wire.Call) bool {
	return f.Function == "" && f.Subscriber == "" && (f.Service == "" || f.Service == c.Service) &&
		(f.Operation == "" || f.Operation == c.Operation) && (!f.Mutating || Mutates(c))
}

// of reports whether the fault is about the function of that name.
func (f *Fault) of(function string) bool {
	return f.Function != "" && (f.Function == function || strings.HasSuffix(function, "-"+f.Function))
}

// reaches reports whether the fault is about deliveries to a subscription.
func (f *Fault) reaches(protocol, endpoint, subscription string) bool {
	return f.Subscriber != "" && (f.Subscriber == protocol || f.Subscriber == endpoint || f.Subscriber == subscription ||
		strings.HasPrefix(endpoint, "arn:") && strings.HasSuffix(endpoint, ":"+f.Subscriber))
}

// active is a fault in force, with dice of its own: the same calls meet the same
// fate in every run.
type active struct {
	Fault
	dice *rand.Rand
	over chan struct{} // closed when it is cleared
}

// refuses reports whether the fault may refuse calls.
func (f *Fault) refuses() bool { return f.Code != "" || f.Down || f.Throttle > 0 || f.Error > 0 }

// refusal is the answer to a call that is met, nil when it is let through.
func (a *active) refusal(c wire.Call) *wire.Error {
	switch {
	case a.Code != "":
		return &wire.Error{Code: a.Code, Message: a.Message, Status: a.Status}
	case a.Down:
		return outage()
	case !putsRecords(c) && a.roll(a.Throttle):
		return throttle(c)
	case a.roll(a.Error):
		return breakdown(c)
	}
	return nil
}

// roll throws the dice for a share.
func (a *active) roll(s Share) bool { return s > 0 && a.dice.Float64() < float64(s) }

// Duration is a time.Duration that is text in JSON: "50ms".
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes it as "50ms".
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration does, but nothing negative.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no time: want one such as 50ms or 2s", text)
	}
	*d = Duration(v)
	return nil
}

// Share is a part of all, 0 to 1, and text in JSON: "20%".
type Share float64

func (s Share) String() string { return strconv.FormatFloat(float64(s)*100, 'f', -1, 64) + "%" }

// MarshalText writes it as "20%".
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "20%".
func (s *Share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !percent || !(v > 0 && v <= 100) {
		return fmt.Errorf("%q is no share: want one such as 20%%", text)
	}
	*s = Share(v / 100)
	return nil
}
