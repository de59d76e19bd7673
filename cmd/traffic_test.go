package cmd

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/connect"
	"github.com/ccs-platform/ccsctl/internal/config"
	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/traffic/load"
)

// Only what is surely on this machine is nobody's.
func TestWhereThereArePeople(t *testing.T) {
	for _, c := range []struct {
		account, endpoint string
		want              bool
	}{
		{"111122223333", "", true},
		{"111122223333", "https://kinesis.eu-west-1.amazonaws.com", true},
		{"111122223333", "http://10.0.0.7:4566", true},
		{"111122223333", "http://localhost.example.com", true},
		{"111122223333", "http://127.0.0.1:4566", false},
		{"111122223333", "http://localhost:4566", false},
		{"000000000000", "http://sandbox.internal:4566", false},
	} {
		target := &target{session: connect.Session{Account: c.account}}
		if c.endpoint != "" {
			target.session.Config.BaseEndpoint = aws.String(c.endpoint)
		}
		if got := target.people(); got != c.want {
			t.Errorf("account %s at %q: %v", c.account, c.endpoint, got)
		}
	}
}

// In an account it says what will happen, whom it alerts and what it costs, and
// sends nothing unless somebody agrees.
func TestTrafficInAnAccountAsks(t *testing.T) {
	shape, err := load.Steady(1000, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	account := &target{config: &config.Config{Project: "ccs", Environment: "prod"}, session: connect.Session{Account: "111122223333", Region: "eu-west-1", Endpoint: "AWS"}}
	ask := func(yes bool, flags ...string) (string, error) {
		var said bytes.Buffer
		e := &env{console: console.New(console.Options{In: strings.NewReader(""), Out: &said, Err: &said, Yes: yes})}
		c := newTraffic(e)
		var o trafficOptions
		c.ResetFlags()
		o.flags(c.Flags())
		if err := c.ParseFlags(flags); err != nil {
			t.Fatal(err)
		}
		o.spare()
		err := e.askTraffic(t.Context(), account, o, shape)
		return said.String(), err
	}
	said, err := ask(true)
	if err != nil || !strings.Contains(said, "real devices use") || !strings.Contains(said, "3,600,000 events in 1h0m0s, about $0.0504 for Kinesis alone") || strings.Contains(said, "ALERTED") || strings.Contains(said, "owners") {
		t.Errorf("%v, said\n%s", err, said)
	}
	said, err = ask(true, "--critical", "0.5%", "--followups", "2%")
	if err != nil || !strings.Contains(said, "0.5% of them are emergencies: AUTHORITIES AND OWNERS ARE ALERTED") || !strings.Contains(said, "2% of them tell owners and managers") {
		t.Errorf("%v, said\n%s", err, said)
	}
	if said, err := ask(false); fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err)+err.Error(), "--yes") {
		t.Errorf("nobody to ask: %v, said\n%s", err, said)
	}
}
