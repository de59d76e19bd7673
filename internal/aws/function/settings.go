package function

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/resource"
)

// differences are attributes that are not as wanted.
type differences []resource.Attribute

func (d *differences) add(name, old, want string) {
	if old != want {
		*d = append(*d, resource.Attribute{Name: name, Old: old, New: want})
	}
}

// diffSettings are the differences that UpdateFunctionConfiguration removes.
func (f *Function) diffSettings(l *types.FunctionConfiguration) []resource.Attribute {
	var diff differences
	diff.add("description", aws.ToString(l.Description), f.spec.Description)
	diff.add("role", aws.ToString(l.Role), f.spec.RoleARN)
	diff.add("runtime", string(l.Runtime), string(runtime))
	diff.add("handler", aws.ToString(l.Handler), handler)
	diff.add("memory", megabytes(aws.ToInt32(l.MemorySize)), megabytes(f.spec.MemoryMB))
	diff.add("timeout", resource.Duration(time.Duration(aws.ToInt32(l.Timeout))*time.Second), resource.Duration(f.spec.Timeout))
	if l.LoggingConfig != nil { // an emulator may not tell
		diff.add("log_group", aws.ToString(l.LoggingConfig.LogGroup), f.spec.LogGroup)
		diff.add("log_format", string(l.LoggingConfig.LogFormat), string(types.LogFormatText))
	}
	var live map[string]string
	if l.Environment != nil {
		live = l.Environment.Variables
	}
	names := slices.Collect(maps.Keys(f.spec.Environment))
	for name := range live {
		if _, ok := f.spec.Environment[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		diff.add("environment."+name, live[name], f.spec.Environment[name])
	}
	return diff
}

func megabytes(n int32) string { return fmt.Sprintf("%d MB", n) }

func (f *Function) environment() *types.Environment {
	variables := maps.Clone(f.spec.Environment)
	if variables == nil {
		variables = map[string]string{} // nil would leave those that are there
	}
	return &types.Environment{Variables: variables}
}

func (f *Function) logging() *types.LoggingConfig {
	return &types.LoggingConfig{LogFormat: types.LogFormatText, LogGroup: &f.spec.LogGroup}
}

func (f *Function) timeout() *int32 { return aws.Int32(int32(f.spec.Timeout / time.Second)) }
