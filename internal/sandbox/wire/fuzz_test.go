package wire

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// decoder decodes with every operation of a service: whatever the bytes are, the
// answer is an input, refusals or a malformed request, never a panic.
func decoder(service string) func(t *testing.T, tree func(c *codec, op string) (map[string]any, error)) {
	c := newCodec(Service{Name: service, Invalid: "X"})
	client := reflect.ValueOf(clients(http.NotFoundHandler())[service])
	inputs := map[string]reflect.Type{}
	for op, o := range c.model.Operations {
		if o.Input != "" {
			inputs[op] = client.MethodByName(op).Type().In(1).Elem()
		}
	}
	return func(t *testing.T, tree func(*codec, string) (map[string]any, error)) {
		for op, in := range inputs {
			values, err := tree(c, op)
			if err != nil {
				continue
			}
			_, err = c.fill.fill(c.model.Operations[op].Input, values, reflect.New(in).Interface())
			_, isMalformed := errors.AsType[malformed](err)
			_, isRefusal := errors.AsType[*Error](err)
			if err != nil && !isMalformed && !isRefusal {
				t.Errorf("%s: %v", op, err)
			}
		}
	}
}

func FuzzJSON(f *testing.F) {
	decode := decoder("kinesis")
	f.Add([]byte(`{"StreamName":"s","ShardCount":1,"Tags":{"a":"b"},"Records":[{"Data":"AA==","PartitionKey":"k"},null],"Timestamp":1e3}`))
	f.Add([]byte(`{"StreamModeDetails":{"StreamMode":"X"},"Timestamp":"2026-11-23T15:00:00Z","ShardCount":1e400}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		decode(t, func(*codec, string) (map[string]any, error) { return jsonTree(body) })
	})
}

// The quick reader of JSON reads what encoding/json reads, and refuses what that
// refuses in its words.
func FuzzJSONTree(f *testing.F) {
	for _, body := range []string{
		"", " ", "{}", " { \"a\" : [ 1 , -2.5e+3 , true,false,null,{}, [] ] }\n", `{"a":1,"a":{"b":"c"}}`, `{"a":01}`, `{"a":+1}`, `{"a":nul}`,
		`{"a":"\"x\\\/\b\f\n\r\t"}`, `{"a":"\u00e9\ud83d\ude97 \ud800"}`, `{"a":"\n \u0041"}`, `{"a":"é` + "\xff" + `"}`, `{"a":"` + "\x00" + `"}`, `{"a":"\x"}`, `{"a":"\`,
		`{"a":"x`, `{"a"}`, `{"a":1,}`, `[1]`, `null`, `{} x`, `{"a":[1,]}`, `{,}`, strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, gotErr := jsonTree(body)
		if len(bytes.TrimSpace(body)) == 0 {
			return
		}
		want, wantErr := slowTree(body)
		if !reflect.DeepEqual(got, want) || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%q: got %v, %v, want %v, %v", body, got, gotErr, want, wantErr)
		}
	})
}

func FuzzCBOR(f *testing.F) {
	decode := decoder("cloudwatch")
	for _, v := range []any{map[string]any{"AlarmName": "a", "Dimensions": []any{map[string]any{"Name": "n", "Value": nil}}, "Threshold": 1.5},
		map[string]any{"StartDate": cbor.Tag{Number: 1, Content: 1.5}, "Metrics": []any{nil, 1}, "EvaluationCriteria": map[string]any{}}} {
		b, err := cbor.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xbf, 0x61, 'a', 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		decode(t, func(*codec, string) (map[string]any, error) { return cborTree(body) })
	})
}

func FuzzQuery(f *testing.F) {
	decode := decoder("sns")
	f.Add("Name=t&Tags.member.1.Key=k&Tags.member.1.Value=v&Attributes.entry.1.key=a&Attributes.entry.1.value=b")
	f.Add("Tags=&Attributes=&Tags.member.-1.Key=k&Attributes.entry.01.key=x&MessageAttributes.entry.1.Value.BinaryValue=AA")
	f.Add("PublishBatchRequestEntries.member.1=x&PublishBatchRequestEntries.member.2.Id=y&....=")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			t.Skip()
		}
		decode(t, func(c *codec, op string) (map[string]any, error) {
			return queryTree(c.model, c.model.Operations[op].Input, form), nil
		})
	})
}

func FuzzREST(f *testing.F) {
	decode := decoder("lambda")
	f.Add("GET", "/2015-03-31/functions/f?MaxItems=1", []byte(`{}`))
	f.Add("PUT", "/2015-03-31/event-source-mappings/a%2Fb", []byte(`{"BatchSize":1,"FilterCriteria":{"Filters":[{"Pattern":"{}"}]}}`))
	f.Add("POST", "/2015-03-31/functions//invocations?Qualifier=%zz", []byte(`null`))
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		u, err := url.Parse(path)
		if err != nil {
			t.Skip()
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{"X-Amz-Invocation-Type": {method}}}
		decode(t, func(c *codec, op string) (map[string]any, error) {
			_, labels := restMatch(c.model, r)
			return restTree(c.model, c.model.Operations[op].Input, labels, r, body)
		})
	})
}
