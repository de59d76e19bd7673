package catalog_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/ccs-platform/ccsctl/internal/aws/catalog"
	"github.com/ccs-platform/ccsctl/internal/resource"
	"github.com/ccs-platform/ccsctl/internal/resource/resourcetest"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

const (
	database = "ccs_test"
	table    = "telemetry"
	arn      = "arn:aws:glue:" + sandbox.Region + ":" + sandbox.Account + ":database/" + database
	location = "s3://ccs-data-lake-test/telemetry/"
)

func spec() catalog.Spec {
	keys, parameters := catalog.ByDay(location, 2024, 2050)
	return catalog.Spec{
		Name: "telemetry", Database: database, DatabaseARN: arn, Table: table, Description: "ccs/test", Location: location,
		Columns:       []catalog.Column{{Name: "event_id", Type: "string"}, {Name: "speed_kmh", Type: "double", Comment: "as the vehicle says"}},
		PartitionKeys: keys, Parameters: parameters,
		Owner: resource.Owner{Project: "ccs", Environment: "test", Extra: map[string]string{"Team": "data"}},
	}
}

func TestLifecycle(t *testing.T) {
	resourcetest.Lifecycle(t, resourcetest.Case{
		New: func(cfg aws.Config) resource.Resource { return catalog.New(cfg, spec()) },
		Foreign: func(t *testing.T, cfg aws.Config) {
			_, err := glue.NewFromConfig(cfg).CreateDatabase(t.Context(), &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: aws.String(database)}})
			must(t, err)
		},
		Drift: map[string]func(*testing.T, aws.Config){
			"tags.Team": func(t *testing.T, cfg aws.Config) {
				_, err := glue.NewFromConfig(cfg).TagResource(t.Context(), &glue.TagResourceInput{ResourceArn: aws.String(arn), TagsToAdd: map[string]string{"Team": "x"}})
				must(t, err)
			},
			"description": func(t *testing.T, cfg aws.Config) {
				_, err := glue.NewFromConfig(cfg).UpdateDatabase(t.Context(), &glue.UpdateDatabaseInput{Name: aws.String(database), DatabaseInput: &types.DatabaseInput{Name: aws.String(database)}})
				must(t, err)
			},
			"table": func(t *testing.T, cfg aws.Config) {
				_, err := glue.NewFromConfig(cfg).DeleteTable(t.Context(), &glue.DeleteTableInput{DatabaseName: aws.String(database), Name: aws.String(table)})
				must(t, err)
			},
			"table_type":        drift(func(in *types.TableInput) { in.TableType = aws.String("MANAGED_TABLE") }),
			"location":          drift(func(in *types.TableInput) { in.StorageDescriptor.Location = aws.String("s3://elsewhere/") }),
			"format":            drift(func(in *types.TableInput) { in.StorageDescriptor.SerdeInfo.SerializationLibrary = aws.String("other") }),
			"columns.speed_kmh": drift(func(in *types.TableInput) { in.StorageDescriptor.Columns[1].Type = aws.String("int") }),
			"columns.event_id": drift(func(in *types.TableInput) {
				in.StorageDescriptor.Columns = in.StorageDescriptor.Columns[1:]
			}),
			"columns.extra": drift(func(in *types.TableInput) {
				in.StorageDescriptor.Columns = append(in.StorageDescriptor.Columns, types.Column{Name: aws.String("extra"), Type: aws.String("string")})
			}),
			"columns": drift(func(in *types.TableInput) {
				cs := in.StorageDescriptor.Columns
				cs[0], cs[1] = cs[1], cs[0]
			}),
			"partition_keys":                drift(func(in *types.TableInput) { in.PartitionKeys = in.PartitionKeys[:2] }),
			"parameters.projection.enabled": drift(func(in *types.TableInput) { delete(in.Parameters, "projection.enabled") }),
		},
	})
}

// drift changes the live table as one who read it first.
func drift(f func(*types.TableInput)) func(*testing.T, aws.Config) {
	return func(t *testing.T, cfg aws.Config) {
		c := glue.NewFromConfig(cfg)
		live := read(t, c)
		in := &types.TableInput{Name: live.Name, TableType: live.TableType, Parameters: live.Parameters, PartitionKeys: live.PartitionKeys, StorageDescriptor: live.StorageDescriptor}
		f(in)
		_, err := c.UpdateTable(t.Context(), &glue.UpdateTableInput{DatabaseName: aws.String(database), TableInput: in})
		must(t, err)
	}
}

func read(t *testing.T, c *glue.Client) *types.Table {
	t.Helper()
	out, err := c.GetTable(t.Context(), &glue.GetTableInput{DatabaseName: aws.String(database), Name: aws.String(table)})
	must(t, err)
	return out.Table
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func apply(t *testing.T, c resource.Change) error {
	t.Helper()
	for _, s := range c.Steps {
		if err := s.Do(t.Context()); err != nil {
			return err
		}
		if s.Wait != nil {
			must(t, s.Wait(t.Context()))
		}
	}
	return nil
}

func up(t *testing.T, cfg aws.Config) *catalog.Catalog {
	t.Helper()
	c := catalog.New(cfg, spec())
	change, err := c.Diff(t.Context())
	must(t, err)
	must(t, apply(t, change))
	return c
}

// Glue replaces a table's whole definition; what others put there survives.
func TestWhatOthersAddedStays(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	c, client := up(t, cfg), glue.NewFromConfig(cfg)
	drift(func(in *types.TableInput) {
		in.Parameters["recordCount"] = "7"
		in.Description = aws.String("theirs")
		in.StorageDescriptor.Location = aws.String("s3://elsewhere/")
	})(t, cfg)
	change, err := c.Diff(t.Context())
	must(t, err)
	must(t, apply(t, change))
	got := read(t, client)
	if *got.StorageDescriptor.Location != location || got.Parameters["recordCount"] != "7" || *got.Description != "theirs" {
		t.Errorf("got location %q, parameters %v, description %q", *got.StorageDescriptor.Location, got.Parameters, *got.Description)
	}
}

// Deleting a database deletes every table in it, so one with guests stays, also
// when they come after the plan was made.
func TestADatabaseWithOthersTablesIsKept(t *testing.T) {
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	c := up(t, cfg)
	planned, err := c.Removal(t.Context())
	must(t, err)
	_, err = glue.NewFromConfig(cfg).CreateTable(t.Context(), &glue.CreateTableInput{DatabaseName: aws.String(database), TableInput: &types.TableInput{Name: aws.String("theirs")}})
	must(t, err)

	again, err := c.Removal(t.Context())
	must(t, err)
	if again.Action != resource.Keep || again.Reason == "" {
		t.Errorf("got %s (%s), want keep with a reason", again.Action, again.Reason)
	}
	if _, ok := errors.AsType[*resource.Kept](apply(t, planned)); !ok {
		t.Error("the database was deleted with somebody else's table in it")
	}
}
