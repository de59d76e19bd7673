package config

import (
	"net/mail"
	"net/url"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

type topic struct {
	key  string
	list []Subscription
}

func (s Subscriptions) topics() []topic {
	return []topic{
		{"subscriptions.authorities", s.Authorities}, {"subscriptions.owners", s.Owners},
		{"subscriptions.managers", s.Managers}, {"subscriptions.alarms", s.Alarms},
	}
}

var protocols = []string{"email", "email-json", "sms", "https", "http", "sqs", "lambda"}

func (c checker) subscriptions() {
	for _, t := range c.Subscriptions.topics() {
		if !c.sound(t.key) {
			continue
		}
		seen := map[Subscription]bool{}
		for i, s := range t.list {
			switch why := badSubscription(s); {
			case why != "":
				c.wrong(t.key, "number %d: %s", i+1, why)
			case seen[s]:
				c.wrong(t.key, "number %d: %s %s is there twice", i+1, s.Protocol, s.Endpoint)
			}
			seen[s] = true
		}
	}
}

var (
	phone    = pattern(`^\+[1-9][0-9]{6,14}$`)
	queueARN = pattern(`^arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]{1,80}(\.fifo)?$`)
	funcARN  = pattern(`^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[a-zA-Z0-9_-]{1,64}(:(\$LATEST|[a-zA-Z0-9_-]+))?$`)
)

// badSubscription says why SNS would refuse a subscription, "" when it would not.
func badSubscription(s Subscription) string {
	want := func(what string, ok bool) string {
		if ok {
			return ""
		}
		return s.Protocol + " wants " + what + ", got " + describe(s.Endpoint)
	}
	switch s.Protocol {
	case "":
		return "protocol is required: one of " + strings.Join(protocols, ", ")
	case "email", "email-json":
		return want("an address such as ops@example.com", isAddress(s.Endpoint))
	case "sms":
		return want("a phone number such as +4915112345678", phone().MatchString(s.Endpoint))
	case "http", "https":
		u, err := url.Parse(s.Endpoint)
		return want("a URL that begins with "+s.Protocol+"://", err == nil && u.Scheme == s.Protocol && u.Hostname() != "")
	case "sqs":
		if strings.HasSuffix(s.Endpoint, ".fifo") {
			return describe(s.Endpoint) + " is a FIFO queue, which cannot subscribe to a standard topic"
		}
		return want("the ARN of a queue, not its URL", queueARN().MatchString(s.Endpoint))
	case "lambda":
		return want("the ARN of a function", funcARN().MatchString(s.Endpoint))
	}
	return "protocol " + describe(s.Protocol) + " is none of " + strings.Join(protocols, ", ") + didYouMean(fault.Nearest(s.Protocol, protocols))
}

func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && strings.Contains(s[strings.LastIndex(s, "@"):], ".")
}
