// Command gen reduces AWS's own API models (the botocore repository, Apache
// License 2.0) to the tables beside it: for the operations that the sandbox
// serves, the shapes a request may have, with their constraints, and the codes
// and statuses of the errors. The documentation texts stay behind.
//
//	go run ./internal/sandbox/wire/model/gen -models DIR [-out DIR]
//
// DIR holds one service-2.json a service, named kinesis.json, sqs.json and so on.
package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire/model"
)

//go:embed operations.txt
var operations string

const source = "boto/botocore 0e6e240 (2026-08-07)"

func main() {
	models := flag.String("models", "", "folder with AWS's API models")
	out := flag.String("out", "internal/sandbox/wire/model", "folder to write the tables to")
	flag.Parse()
	var errs []error
	for service, ops := range served() {
		if err := reduce(filepath.Join(*models, service+".json"), filepath.Join(*out, service+".json"), ops); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", service, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		log.Fatal(err)
	}
}

// served reads the list of operations: "service: Operation Operation ...".
func served() map[string][]string {
	list := map[string][]string{}
	lines := bufio.NewScanner(strings.NewReader(operations))
	for lines.Scan() {
		service, ops, ok := strings.Cut(lines.Text(), ":")
		if ok && !strings.HasPrefix(service, "#") {
			list[service] = append(list[service], strings.Fields(ops)...)
		}
	}
	return list
}

type source2 struct {
	Metadata struct {
		Protocols          []string
		TargetPrefix       string
		JSONVersion        string
		APIVersion         string
		XMLNamespace       string
		AWSQueryCompatible *struct{}
	}
	Operations map[string]struct {
		HTTP struct {
			Method       string
			RequestURI   string
			ResponseCode int
		}
		Input  *ref
		Output *ref
		Errors []ref
	}
	Shapes map[string]shape
}

type ref struct {
	Shape           string
	ResultWrapper   string
	Location        string
	LocationName    string
	QueryName       string
	TimestampFormat string
	Flattened       bool
}

type shape struct {
	Type            string
	Required        []string
	Members         map[string]ref
	Payload         string
	Member          *ref
	Key             *ref
	Value           *ref
	Min             *float64
	Max             *float64
	Pattern         string
	Enum            []string
	Flattened       bool
	TimestampFormat string
	Exception       bool
	Error           *struct {
		Code           string
		HTTPStatusCode int
		SenderFault    bool
	}
	Fault bool
}

func reduce(from, to string, ops []string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var src source2
	if err := json.Unmarshal(text, &src); err != nil {
		return err
	}
	m := model.Model{
		Source: source, Protocols: src.Metadata.Protocols, TargetPrefix: src.Metadata.TargetPrefix,
		JSONVersion: src.Metadata.JSONVersion, APIVersion: src.Metadata.APIVersion, XMLNamespace: src.Metadata.XMLNamespace,
		QueryCompatible: src.Metadata.AWSQueryCompatible != nil,
		Operations:      map[string]model.Operation{}, Shapes: map[string]model.Shape{}, Errors: map[string]model.Error{},
	}
	r := reducer{src: &src, out: &m}
	if m.TargetPrefix == "AmazonSQS" {
		src.widenReceive()
	}
	for _, name := range ops {
		op, ok := src.Operations[name]
		if !ok {
			return fmt.Errorf("no operation %s", name)
		}
		o := model.Operation{Status: op.HTTP.ResponseCode}
		if op.HTTP.RequestURI != "/" {
			o.Method, o.URI = op.HTTP.Method, op.HTTP.RequestURI
		}
		if op.Input != nil {
			o.Input = op.Input.Shape
			if err := r.shape(op.Input.Shape); err != nil {
				return err
			}
		}
		if op.Output != nil {
			o.Wrapper = op.Output.ResultWrapper
		}
		for _, e := range op.Errors {
			o.Errors = append(o.Errors, e.Shape)
			r.error(e.Shape)
		}
		slices.Sort(o.Errors)
		m.Operations[name] = o
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return err
	}
	// One shape or operation a line, so that a change of AWS's reads as a diff.
	lines := regexp.MustCompile(`("(?:operations|shapes|errors)":\{|\},)("[A-Za-z0-9_]+":\{(?:"|\}))`)
	text = lines.ReplaceAll(buf.Bytes(), []byte("$1\n$2"))
	return os.WriteFile(to, text, 0o644)
}

// widenReceive lets ReceiveMessage's AttributeNames be message system attributes
// too. API ref ReceiveMessage says so and AWS takes them; the model gives the
// parameter, which is deprecated, the names of queue attributes only.
func (src *source2) widenReceive() {
	const list, name = "ReceiveAttributeNameList", "ReceiveAttributeName"
	both := src.Shapes["QueueAttributeName"]
	both.Enum = slices.Concat(both.Enum, src.Shapes["MessageSystemAttributeName"].Enum)
	slices.Sort(both.Enum)
	both.Enum = slices.Compact(both.Enum) // both have All
	names := src.Shapes["AttributeNameList"]
	item := *names.Member
	item.Shape, names.Member = name, &item
	src.Shapes[name], src.Shapes[list] = both, names

	members := src.Shapes["ReceiveMessageRequest"].Members
	m := members["AttributeNames"]
	m.Shape = list
	members["AttributeNames"] = m
}

type reducer struct {
	src *source2
	out *model.Model
}

// legacySQS are the codes of SQS's old Query API, which it still sends beside
// the new ones and which the model leaves out (awsQueryError in Smithy's model).
var legacySQS = map[string]string{
	"BatchEntryIdsNotDistinct":     "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
	"BatchRequestTooLong":          "AWS.SimpleQueueService.BatchRequestTooLong",
	"EmptyBatchRequest":            "AWS.SimpleQueueService.EmptyBatchRequest",
	"InvalidBatchEntryId":          "AWS.SimpleQueueService.InvalidBatchEntryId",
	"MessageNotInflight":           "AWS.SimpleQueueService.MessageNotInflight",
	"PurgeQueueInProgress":         "AWS.SimpleQueueService.PurgeQueueInProgress",
	"QueueDeletedRecently":         "AWS.SimpleQueueService.QueueDeletedRecently",
	"QueueDoesNotExist":            "AWS.SimpleQueueService.NonExistentQueue",
	"QueueNameExists":              "QueueAlreadyExists",
	"TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
	"UnsupportedOperation":         "AWS.SimpleQueueService.UnsupportedOperation",
	"KmsAccessDenied":              "KMS.AccessDeniedException",
	"KmsDisabled":                  "KMS.DisabledException",
	"KmsInvalidKeyUsage":           "KMS.InvalidKeyUsageException",
	"KmsInvalidState":              "KMS.InvalidStateException",
	"KmsNotFound":                  "KMS.NotFoundException",
	"KmsOptInRequired":             "KMS.OptInRequired",
	"KmsThrottled":                 "KMS.ThrottlingException",
}

func (r reducer) error(name string) {
	e := model.Error{Status: 400}
	if s := r.src.Shapes[name]; s.Error != nil {
		e.Code = s.Error.Code
		if s.Error.HTTPStatusCode != 0 {
			e.Status = s.Error.HTTPStatusCode
		}
	} else if s.Fault {
		e.Status = 500
	}
	if r.src.Metadata.TargetPrefix == "AmazonSQS" {
		e.Code = legacySQS[name]
	}
	if e.Code == name {
		e.Code = ""
	}
	r.out.Errors[name] = e
}

func (r reducer) shape(name string) error {
	if _, ok := r.out.Shapes[name]; ok {
		return nil
	}
	s := r.src.Shapes[name]
	pattern, err := goPattern(s.Pattern)
	if err != nil {
		return fmt.Errorf("shape %s: %w", name, err)
	}
	out := model.Shape{
		Type: s.Type, Required: s.Required, Payload: s.Payload, Min: s.Min, Max: s.Max,
		Pattern: pattern, Enum: s.Enum, Flattened: s.Flattened, Timestamp: s.TimestampFormat,
	}
	r.out.Shapes[name] = out // before the members: shapes may be recursive
	member := func(m *ref) (*model.Member, error) {
		if m == nil {
			return nil, nil
		}
		return &model.Member{Shape: m.Shape, Location: m.Location, Name: m.LocationName, Flattened: m.Flattened, Timestamp: m.TimestampFormat}, r.shape(m.Shape)
	}
	var errs []error
	set := func(dst **model.Member, m *ref) {
		var err error
		*dst, err = member(m)
		errs = append(errs, err)
	}
	set(&out.Item, s.Member)
	set(&out.Key, s.Key)
	set(&out.Value, s.Value)
	for _, n := range slices.Sorted(maps.Keys(s.Members)) {
		m := s.Members[n]
		var mm *model.Member
		set(&mm, &m)
		if out.Members == nil {
			out.Members = map[string]model.Member{}
		}
		if mm.Name == n {
			mm.Name = ""
		}
		out.Members[n] = *mm
	}
	r.out.Shapes[name] = out
	return errors.Join(errs...)
}

// noLookahead says the same as AWS's pattern in words that Go's linear-time
// engine has. A pattern with a lookaround that is not here stops the generator.
var noLookahead = map[string]string{
	`^(?!\s*$).+`: `.*\S.*`,
	`^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$`:   `[\p{L}\p{Z}\p{N}_.:/=+\-@%]*`, // the prefix is refused by the service
	`[0-9A-Za-z\.\-_]*(?<!\.)`:                  `([0-9A-Za-z.\-_]*[0-9A-Za-z\-_])?`,
	`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`:              `[0-9]*[a-zA-Z\-_][a-zA-Z0-9\-_]*`,
	`^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$`:    `[0-9]*[a-zA-Z_\-.][a-zA-Z0-9_\-.]*`,
	`(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)`: `[_a-zA-Z0-9][^$]*`,
	`jdbc:(redshift|postgresql)://((?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)+(redshift(-serverless)?)\.([a-zA-Z0-9\.\-]+):\d{1,5}/[a-zA-Z0-9_$-]+`: `jdbc:(redshift|postgresql)://.+`, // a destination that the sandbox does not serve
	`^(?!(.*[.\/\\]|aws:)).*$`: `[^./\\]*`,
}

var unicodeEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// goPattern translates a Java pattern. AWS matches the whole value.
func goPattern(java string) (string, error) {
	if java == "" {
		return "", nil
	}
	p, ok := noLookahead[java]
	if !ok {
		p = strings.ReplaceAll(java, `\uD800\uDC00-\uDBFF\uDFFF`, `\x{10000}-\x{10FFFF}`)
		p = strings.ReplaceAll(p, `\u10000-\u10FFFF`, `\x{10000}-\x{10FFFF}`)
		p = unicodeEscape.ReplaceAllString(p, `\x{$1}`)
		p = strings.ReplaceAll(p, `\p{ASCII}`, `[[:ascii:]]`)
		p = strings.ReplaceAll(p, `9-_`, `9\-_`)
	}
	p = bigRepeat.ReplaceAllStringFunc(p, func(rep string) string {
		// Go stops at 1,000 repetitions. Where AWS says more, the shape's own
		// length says it too.
		m := bigRepeat.FindStringSubmatch(rep)
		if most, _ := strconv.Atoi(m[2]); most <= 1000 {
			return rep
		}
		if m[1] == "0" {
			return "*"
		}
		return "+"
	})
	if _, err := regexp.Compile(p); err != nil {
		return "", fmt.Errorf("pattern %s: %w", java, err)
	}
	return p, nil
}

var bigRepeat = regexp.MustCompile(`\{(\d+),(\d+)\}`)
