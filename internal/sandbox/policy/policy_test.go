package policy_test

import (
	"testing"

	"github.com/ccs-platform/ccsctl/internal/sandbox/policy"
)

// What IAM's grammar allows besides the plain form ("Grammar of the IAM JSON
// policy language").
func TestForms(t *testing.T) {
	for document, want := range map[string]bool{
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"SQS:sendmessage","Resource":"*"}}`:                                                             true,
		`{"Statement":[{"Principal":{"Service":["a.amazonaws.com","sns.amazonaws.com"]},"Action":["sqs:Get*","sqs:Send?essage"],"Resource":"arn:aws:sqs:*:q"}]}`: true,
		`{"Statement":[{"Principal":{"Service":"*"},"NotAction":"sqs:Delete*","NotResource":"arn:aws:sqs:eu-west-1:000000000000:p"}]}`:                           true,
		`{"Statement":[{"Principal":{"AWS":"*"},"Action":"*","Resource":"*"}]}`:                                                                                  false,
		`{"Statement":[{"Principal":"*","NotAction":"sqs:*","Resource":"*"}]}`:                                                                                   false,
		`{"Statement":[{"Principal":"*","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:000000000000:Q"}]}`:                                         false,
	} {
		d, err := policy.Parse(document)
		if err != nil {
			t.Errorf("%s: %v", document, err)
			continue
		}
		st := d.Statement[0]
		if got := st.Principal.Has("Service", "sns.amazonaws.com") && st.Concerns("sqs:SendMessage", "arn:aws:sqs:eu-west-1:000000000000:q"); got != want {
			t.Errorf("%s: %v, want %v", document, got, want)
		}
	}
}

// Whatever a document says, reading it and asking it ends.
func FuzzParse(f *testing.F) {
	f.Add(`{"Statement":[{"Effect":"Allow","Principal":{"Service":"a"},"Action":"s3:*","Resource":"*","Condition":{"StringLike":{"aws:SourceArn":["a*b*",true]}}}]}`, "s3:Get")
	f.Add(`{"Statement":{"NotPrincipal":"*","NotAction":null,"NotResource":[10,"?"]}}`, "")
	f.Fuzz(func(t *testing.T, document, action string) {
		d, err := policy.Parse(document)
		if err != nil {
			return
		}
		for _, st := range d.Statement {
			st.Concerns(action, action)
			st.Principal.Has("Service", action)
			if _, unknown := st.Met(nil); len(st.Condition) == 0 && unknown {
				t.Error("something unknown in no conditions")
			}
		}
	})
}
