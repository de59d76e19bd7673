package glue_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/sandboxtest"
)

func connect(t *testing.T) *glue.Client {
	t.Helper()
	_, cfg := sandboxtest.New(t, sandbox.Options{})
	return glue.NewFromConfig(cfg, func(o *glue.Options) { o.RetryMaxAttempts = 1 })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func table(name string, columns ...string) *types.TableInput {
	in := &types.TableInput{Name: &name, StorageDescriptor: &types.StorageDescriptor{}}
	for _, c := range columns {
		in.StorageDescriptor.Columns = append(in.StorageDescriptor.Columns, types.Column{Name: &c, Type: aws.String("string")})
	}
	return in
}

// Names are stored in lower case whatever was asked for.
func TestNamesAreFolded(t *testing.T) {
	c := connect(t)
	_, err := c.CreateDatabase(t.Context(), &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: aws.String("Fleet")}})
	must(t, err)
	out, err := c.GetDatabase(t.Context(), &glue.GetDatabaseInput{Name: aws.String("fleet")})
	must(t, err)
	if *out.Database.Name != "fleet" {
		t.Errorf("got %q", *out.Database.Name)
	}
}

func TestUpdatesMakeVersions(t *testing.T) {
	c := connect(t)
	db := aws.String("fleet")
	_, err := c.CreateDatabase(t.Context(), &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: db}})
	must(t, err)
	_, err = c.CreateTable(t.Context(), &glue.CreateTableInput{DatabaseName: db, TableInput: table("telemetry", "a")})
	must(t, err)
	_, err = c.UpdateTable(t.Context(), &glue.UpdateTableInput{DatabaseName: db, TableInput: table("telemetry", "a", "b"), VersionId: aws.String("0")})
	must(t, err)
	out, err := c.GetTableVersions(t.Context(), &glue.GetTableVersionsInput{DatabaseName: db, TableName: aws.String("telemetry")})
	must(t, err)
	if len(out.TableVersions) != 2 || *out.TableVersions[0].VersionId != "1" || len(out.TableVersions[1].Table.StorageDescriptor.Columns) != 1 {
		t.Errorf("got %v", out.TableVersions)
	}
}

func TestRefusals(t *testing.T) {
	c := connect(t)
	db, none := aws.String("fleet"), aws.String("nowhere")
	_, err := c.CreateDatabase(t.Context(), &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: db}})
	must(t, err)
	_, err = c.CreateTable(t.Context(), &glue.CreateTableInput{DatabaseName: db, TableInput: table("telemetry", "a")})
	must(t, err)
	for _, test := range []struct {
		what string
		call func(context.Context) error
		want string
	}{
		{"database again", func(ctx context.Context) error {
			_, err := c.CreateDatabase(ctx, &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: aws.String("FLEET")}})
			return err
		}, "AlreadyExistsException"},
		{"reserved tag", func(ctx context.Context) error {
			_, err := c.CreateDatabase(ctx, &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: none}, Tags: map[string]string{"aws:x": "y"}})
			return err
		}, "InvalidInputException"},
		{"table again", func(ctx context.Context) error {
			_, err := c.CreateTable(ctx, &glue.CreateTableInput{DatabaseName: db, TableInput: table("telemetry", "a")})
			return err
		}, "AlreadyExistsException"},
		{"table without a database", func(ctx context.Context) error {
			_, err := c.CreateTable(ctx, &glue.CreateTableInput{DatabaseName: none, TableInput: table("telemetry", "a")})
			return err
		}, "EntityNotFoundException"},
		{"partition key among the columns", func(ctx context.Context) error {
			in := table("other", "year")
			in.PartitionKeys = []types.Column{{Name: aws.String("year"), Type: aws.String("string")}}
			_, err := c.CreateTable(ctx, &glue.CreateTableInput{DatabaseName: db, TableInput: in})
			return err
		}, "InvalidInputException"},
		{"update of an older version", func(ctx context.Context) error {
			_, err := c.UpdateTable(ctx, &glue.UpdateTableInput{DatabaseName: db, TableInput: table("telemetry", "a"), VersionId: aws.String("7")})
			return err
		}, "ConcurrentModificationException"},
		{"tags of a table", func(ctx context.Context) error {
			_, err := c.GetTags(ctx, &glue.GetTagsInput{ResourceArn: aws.String("arn:aws:glue:eu-west-1:000000000000:table/fleet/telemetry")})
			return err
		}, "InvalidInputException"},
		{"tags of no database", func(ctx context.Context) error {
			_, err := c.GetTags(ctx, &glue.GetTagsInput{ResourceArn: aws.String("arn:aws:glue:eu-west-1:000000000000:database/nowhere")})
			return err
		}, "EntityNotFoundException"},
		{"no table", func(ctx context.Context) error {
			_, err := c.DeleteTable(ctx, &glue.DeleteTableInput{DatabaseName: db, Name: none})
			return err
		}, "EntityNotFoundException"},
		{"another account's catalog", func(ctx context.Context) error {
			_, err := c.GetTable(ctx, &glue.GetTableInput{CatalogId: aws.String("111122223333"), DatabaseName: db, Name: aws.String("telemetry")})
			return err
		}, "AccessDeniedException"},
	} {
		if err := test.call(t.Context()); !apierr.Is(err, test.want) {
			t.Errorf("%s: got %v, want %s", test.what, err, test.want)
		}
	}
}
