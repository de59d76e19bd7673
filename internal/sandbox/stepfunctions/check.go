package stepfunctions

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// serves refuses what this Step Functions lacks.
func serves(encryption *types.EncryptionConfiguration, logging *types.LoggingConfiguration, publish bool) error {
	unserved := ""
	switch {
	case encryption != nil && encryption.Type != types.EncryptionTypeAwsOwnedKey:
		unserved = "encryption with a key of yours"
	case logging != nil && logging.Level != "" && logging.Level != types.LogLevelOff:
		unserved = "logging"
	case publish:
		unserved = "versions"
	default:
		return nil
	}
	return &wire.Error{Code: "UnsupportedOperationException", Status: http.StatusNotImplemented, Message: "the sandbox's Step Functions does not serve " + unserved}
}

// checkName refuses the characters that API ref CreateStateMachine lists.
func checkName(name string) error {
	bad := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>{}[]?*\"#%\\^|~`$&,;:/", r) || r == '\uFFFE' || r == '\uFFFF'
	}
	if strings.IndexFunc(name, bad) >= 0 {
		return wire.Errorf("InvalidName", "Invalid Name: '%s'", name)
	}
	return nil
}

// checkDefinition refuses a definition with errors in it.
func checkDefinition(text string) error {
	_, found := parse(text)
	var errs []string
	for _, d := range found {
		errs = append(errs, d.String())
	}
	if len(errs) == 0 {
		return nil
	}
	return wire.Errorf("InvalidDefinition", "Invalid State Machine Definition: '%s'", strings.Join(errs, ", "))
}

func (s *Service) validateStateMachineDefinition(_ context.Context, in *sfn.ValidateStateMachineDefinitionInput) (*sfn.ValidateStateMachineDefinitionOutput, error) {
	_, found := parse(*in.Definition)
	out := &sfn.ValidateStateMachineDefinitionOutput{
		Result: types.ValidateStateMachineDefinitionResultCodeOk, Truncated: aws.Bool(false),
		Diagnostics: []types.ValidateStateMachineDefinitionDiagnostic{},
	}
	if len(found) > 0 {
		out.Result = types.ValidateStateMachineDefinitionResultCodeFail
	}
	most := 100
	if in.MaxResults > 0 {
		most = int(in.MaxResults)
	}
	if len(found) > most {
		found, out.Truncated = found[:most], aws.Bool(true)
	}
	for _, d := range found {
		out.Diagnostics = append(out.Diagnostics, types.ValidateStateMachineDefinitionDiagnostic{
			Severity: types.ValidateStateMachineDefinitionSeverityError, Code: &d.code, Message: &d.message, Location: &d.location,
		})
	}
	return out, nil
}

// retag adds tags to have, or refuses them all.
func retag(have bus.Tags, add []types.Tag, arn string) error {
	sum := have.With(nil)
	for _, t := range add {
		k, v := aws.ToString(t.Key), aws.ToString(t.Value)
		switch {
		case bus.ReservedTag(k):
			return wire.Errorf("ValidationException", "System tags starting with 'aws:' are reserved.")
		case !bus.TagText(k+v, ""):
			return wire.Errorf("ValidationException", "Tag keys and values may only contain Unicode letters, digits, white space, or these symbols: _ . : / = + - @.")
		}
		sum[k] = v
	}
	if len(sum) > bus.MaxTags {
		return &wire.Error{Code: "TooManyTags", Message: fmt.Sprintf("Too many tags for resource: '%s'", arn), Fields: map[string]any{"resourceName": arn}}
	}
	maps.Copy(have, sum)
	return nil
}

func (s *Service) tagsOf(arn string) (bus.Tags, error) {
	m, err := s.find(arn)
	if err == nil && m == nil {
		return nil, &wire.Error{Code: "ResourceNotFound", Message: fmt.Sprintf("Resource not found: '%s'", arn), Fields: map[string]any{"resourceName": arn}}
	}
	if err != nil {
		return nil, err
	}
	return m.tags, nil
}

func (s *Service) tagResource(_ context.Context, in *sfn.TagResourceInput) (*sfn.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &sfn.TagResourceOutput{}, retag(tags, in.Tags, *in.ResourceArn)
}

func (s *Service) untagResource(_ context.Context, in *sfn.UntagResourceInput) (*sfn.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags.Remove(in.TagKeys)
	return &sfn.UntagResourceOutput{}, nil
}

func (s *Service) listTagsForResource(_ context.Context, in *sfn.ListTagsForResourceInput) (*sfn.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &sfn.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, k := range tags.Keys() {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out, nil
}
