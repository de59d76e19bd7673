package lambda

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// function is one function. Its states are not kept but told by the clock.
type function struct {
	name     string
	zip      []byte
	tags     bus.Tags
	reserved *int32 // concurrency
	running  int32  // invocations under way
	pool     *pool  // nil before the first invocation

	settings types.FunctionConfiguration // all but the states
	active   time.Time                   // Pending until then
	updated  time.Time                   // LastUpdateStatus InProgress until then
}

// view is the function as AWS describes it now.
func (f *function) view() *types.FunctionConfiguration {
	v := f.settings
	v.State, v.LastUpdateStatus = types.StateActive, types.LastUpdateStatusSuccessful
	switch now := time.Now(); {
	case now.Before(f.active):
		v.State, v.StateReasonCode, v.StateReason = types.StatePending, types.StateReasonCodeCreating, aws.String("The function is being created.")
		v.LastUpdateStatus = ""
	case now.Before(f.updated):
		v.LastUpdateStatus, v.LastUpdateStatusReason = types.LastUpdateStatusInProgress, aws.String("The function is being created.")
	}
	return &v
}

func (s *Service) createFunction(_ context.Context, in *lambda.CreateFunctionInput) (*types.FunctionConfiguration, error) {
	if err := s.serves(in); err != nil {
		return nil, err
	}
	if in.Handler == nil || in.Runtime == "" {
		return nil, invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := *in.FunctionName
	if n, ok := s.bus.Name(name, "lambda", "function:"); ok {
		name = n
	}
	if len(name) > 64 {
		return nil, outOfRange(name, "functionName", "have length less than or equal to 64")
	}
	f := &function{name: name, tags: map[string]string{}, settings: types.FunctionConfiguration{
		FunctionName: &name, FunctionArn: aws.String(s.functionARN(name)), Version: aws.String("$LATEST"),
		PackageType: types.PackageTypeZip, Description: aws.String(""), Timeout: aws.Int32(3), MemorySize: aws.Int32(128),
		Architectures: []types.Architecture{types.ArchitectureX8664}, EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(512)},
		TracingConfig: &types.TracingConfigResponse{Mode: types.TracingModePassThrough},
		SnapStart:     &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOnNone, OptimizationStatus: types.SnapStartOptimizationStatusOff},
		LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatText, LogGroup: aws.String("/aws/lambda/" + name)},
	}}
	if err := s.configure(&f.settings, settingsOf(in)); err != nil {
		return nil, err
	}
	if len(in.Architectures) > 0 {
		f.settings.Architectures = in.Architectures
	}
	if err := f.load(in.Code.ZipFile); err != nil {
		return nil, err
	}
	if err := retag(f.tags, in.Tags); err != nil {
		return nil, err
	}
	if s.functions[name] != nil {
		return nil, wire.Errorf("ResourceConflictException", "Function already exist: %s", name)
	}
	if err := s.assume(*in.Role, name); err != nil {
		return nil, err
	}
	f.touch()
	f.active = time.Now().Add(s.bus.Timing.FunctionCreate)
	s.functions[name] = f
	return f.view(), nil
}

// serves refuses what this Lambda lacks.
func (s *Service) serves(in *lambda.CreateFunctionInput) error {
	return firstUnserved(map[string]bool{
		"CapacityProviderConfig": in.CapacityProviderConfig != nil,
		"Code.ImageUri":          in.Code.ImageUri != nil || in.PackageType == types.PackageTypeImage || in.ImageConfig != nil,
		"Code.S3Bucket":          in.Code.S3Bucket != nil,
		"CodeSigningConfigArn":   in.CodeSigningConfigArn != nil,
		"DeadLetterConfig":       in.DeadLetterConfig != nil,
		"DurableConfig":          in.DurableConfig != nil,
		"FileSystemConfigs":      len(in.FileSystemConfigs) > 0,
		"KMSKeyArn":              aws.ToString(in.KMSKeyArn) != "",
		"Layers":                 len(in.Layers) > 0,
		"Publish":                in.Publish || in.PublishTo != "",
		"SnapStart":              in.SnapStart != nil && in.SnapStart.ApplyOn != types.SnapStartApplyOnNone,
		"TenancyConfig":          in.TenancyConfig != nil,
		"VpcConfig":              in.VpcConfig != nil,
	})
}

// assume checks that Lambda may act as a role for a function (trap 1).
func (s *Service) assume(role, function string) error {
	if err := s.bus.Roles.Assume(role, principal, s.functionARN(function)); err != nil {
		return invalid("The role defined for the function cannot be assumed by Lambda.")
	}
	return nil
}

// touch marks a change.
func (f *function) touch() {
	f.settings.RevisionId = aws.String(bus.NewUUID())
	f.settings.LastModified = aws.String(time.Now().UTC().Format("2006-01-02T15:04:05.000+0000"))
}

func (s *Service) getFunction(_ context.Context, in *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(qualified(in.FunctionName, in.Qualifier))
	if err != nil {
		return nil, err
	}
	out := &lambda.GetFunctionOutput{Configuration: f.view(), Code: &types.FunctionCodeLocation{RepositoryType: aws.String("S3")}}
	if len(f.tags) > 0 {
		out.Tags = maps.Clone(f.tags)
	}
	if f.reserved != nil {
		out.Concurrency = &types.Concurrency{ReservedConcurrentExecutions: f.reserved}
	}
	return out, nil
}

func qualified(name, qualifier *string) string {
	if qualifier == nil {
		return *name
	}
	return *name + ":" + *qualifier
}

func (s *Service) getFunctionConfiguration(_ context.Context, in *lambda.GetFunctionConfigurationInput) (*types.FunctionConfiguration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(qualified(in.FunctionName, in.Qualifier))
	if err != nil {
		return nil, err
	}
	return f.view(), nil
}

func (s *Service) listFunctions(_ context.Context, in *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
	if err := firstUnserved(map[string]bool{"FunctionVersion": in.FunctionVersion != "", "MasterRegion": in.MasterRegion != nil}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names, next := page(slices.Sorted(maps.Keys(s.functions)), in.Marker, in.MaxItems, 50)
	out := &lambda.ListFunctionsOutput{NextMarker: next, Functions: []types.FunctionConfiguration{}}
	for _, n := range names {
		out.Functions = append(out.Functions, s.functions[n].settings) // the list tells no states
	}
	return out, nil
}

// deleteFunction removes a function at once. Its event source mappings stay.
func (s *Service) deleteFunction(_ context.Context, in *lambda.DeleteFunctionInput) (*wire.Raw, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(*in.FunctionName)
	if err != nil {
		return nil, err
	}
	if in.Qualifier != nil {
		return nil, unserved("versions")
	}
	if err := f.notPending(); err != nil {
		return nil, err
	}
	delete(s.functions, f.name)
	if f.pool != nil {
		f.pool.retire()
	}
	return &wire.Raw{Status: http.StatusNoContent}, nil
}

func (f *function) notPending() error {
	if time.Now().Before(f.active) {
		return wire.Errorf("ResourceConflictException", "The operation cannot be performed at this time. The function is currently in the following state: Pending")
	}
	return nil
}
