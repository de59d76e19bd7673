package policy_test

import (
	"testing"

	"github.com/ccs-platform/ccsctl/internal/aws/policy"
)

func TestJSON(t *testing.T) {
	d := policy.Document{Statement: []policy.Statement{
		policy.Allow("Read", []string{"kinesis:GetRecords"}, "arn:a", "arn:b"),
		policy.Allow("", []string{"sns:Publish"}, "arn:t").To("cloudwatch.amazonaws.com").If("StringEquals", "aws:SourceAccount", "1").
			If("StringEquals", "aws:x", "y").If("Bool", "aws:SecureTransport", true),
	}}
	want := `{"Version":"2012-10-17","Statement":[` +
		`{"Sid":"Read","Effect":"Allow","Action":["kinesis:GetRecords"],"Resource":["arn:a","arn:b"]},` +
		`{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":["sns:Publish"],"Resource":["arn:t"],` +
		`"Condition":{"Bool":{"aws:SecureTransport":true},"StringEquals":{"aws:SourceAccount":"1","aws:x":"y"}}}]}`
	if got := d.JSON(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestIfLeavesItsOriginAlone: statements are values and shared between documents.
func TestIfLeavesItsOriginAlone(t *testing.T) {
	base := policy.Allow("", []string{"a:B"}, "*").If("StringEquals", "k", "v")
	more := base.If("StringEquals", "k2", "v2").If("Bool", "b", "true")
	if len(base.Condition) != 1 || len(base.Condition["StringEquals"]) != 1 {
		t.Errorf("the origin became %v", base.Condition)
	}
	if len(more.Condition) != 2 || len(more.Condition["StringEquals"]) != 2 {
		t.Errorf("the new one is %v", more.Condition)
	}
}

func TestSame(t *testing.T) {
	const base = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:1","arn:2"]},"Action":["a:B","a:C"],"Resource":"*",
		"Condition":{"Bool":{"aws:SecureTransport":"false"},"NumericLessThan":{"x":7}}}]}`
	for name, c := range map[string]struct {
		other string
		same  bool
	}{
		"as it is": {base, true},
		"keys and lists in another order, lists for single values": {`{"Statement":{"Condition":{"NumericLessThan":{"x":["7"]},"Bool":{"aws:SecureTransport":[false]}},
			"Action":["a:C","a:B"],"Resource":["*"],"Principal":{"AWS":["arn:2","arn:1"]},"Effect":"Allow"},"Version":"2012-10-17"}`, true},
		"an action less":    {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:1","arn:2"]},"Action":"a:B","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"},"NumericLessThan":{"x":7}}}]}`, false},
		"another effect":    {`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":["arn:1","arn:2"]},"Action":["a:B","a:C"],"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"},"NumericLessThan":{"x":7}}}]}`, false},
		"another condition": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:1","arn:2"]},"Action":["a:B","a:C"],"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"},"NumericLessThan":{"x":7}}}]}`, false},
		"nothing":           {``, false},
	} {
		t.Run(name, func(t *testing.T) {
			if policy.Same(base, c.other) != c.same || policy.Same(c.other, base) != c.same {
				t.Errorf("same: %v, want %v", !c.same, c.same)
			}
		})
	}
	if !policy.Same("", "") || policy.Same("{", "") {
		t.Error("texts that are not JSON are the same only when equal")
	}
	deny := policy.Document{Statement: []policy.Statement{{Effect: "Deny", Action: []string{"s3:*"}, Resource: []string{"arn:x"}, Principal: map[string]any{"AWS": "*"}}}}
	if !policy.Same(deny.JSON(), `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:*","Resource":"arn:x"}]}`) {
		t.Error("what AWS makes of a document is not the same as the document")
	}
}

func FuzzSame(f *testing.F) {
	f.Add(`{"a":[1,"2",null,{"b":[true]}]}`, `{}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		if !policy.Same(a, a) {
			t.Errorf("%q is not the same as itself", a)
		}
		if policy.Same(a, b) != policy.Same(b, a) {
			t.Errorf("%q and %q are the same one way only", a, b)
		}
	})
}
