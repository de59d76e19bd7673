package cmd

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ccs-platform/ccsctl/internal/aws/connect"
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
