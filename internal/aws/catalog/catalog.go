// Package catalog is the Glue database and table that describe the data lake.
// It knows the form of a Parquet table that Firehose can write by and Athena
// can read, with partitions that need no registration. Only databases have tags
// in Glue, so the database says whose the table is.
package catalog

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// Spec is the wanted database with its one table. Names are in lower case: Glue
// would fold them and then not know them by what they were called.
type Spec struct {
	Name        string // within the pipeline, for people
	Database    string
	DatabaseARN string
	Table       string
	Description string
	Location    string // s3://bucket/prefix/
	Columns     []Column
	// PartitionKeys are not columns and never among them. ByDay makes these and
	// the parameters that go with them.
	PartitionKeys []Column
	// Parameters are kept as given; those that others added are left alone.
	Parameters map[string]string
	Owner      resource.Owner
}

// Column is one column in Hive's types: string, double, timestamp, array<string>.
type Column struct {
	Name    string
	Type    string
	Comment string
}

// ByDay are the partition keys year, month and day and the table parameters by
// which Athena computes the partitions of the years first to last instead of
// looking them up (Athena guide, "Partition projection"), for objects under
// location/year=2026/month=01/day=02/. The keys are strings, because of their
// leading zeros.
func ByDay(location string, first, last int) (keys []Column, parameters map[string]string) {
	keys = []Column{{Name: "year", Type: "string"}, {Name: "month", Type: "string"}, {Name: "day", Type: "string"}}
	return keys, map[string]string{
		"projection.enabled":        "true",
		"projection.year.type":      "integer",
		"projection.year.range":     fmt.Sprintf("%d,%d", first, last),
		"projection.year.digits":    "4",
		"projection.month.type":     "integer",
		"projection.month.range":    "1,12",
		"projection.month.digits":   "2",
		"projection.day.type":       "integer",
		"projection.day.range":      "1,31",
		"projection.day.digits":     "2",
		"storage.location.template": location + "year=${year}/month=${month}/day=${day}/",
	}
}

// Catalog is the database and its table, live or still to be made.
type Catalog struct {
	glue *glue.Client
	spec Spec
}

var _ resource.Resource = (*Catalog)(nil)

// New is the catalog of spec in the account of cfg.
func New(cfg aws.Config, spec Spec) *Catalog {
	return &Catalog{glue: glue.NewFromConfig(cfg), spec: spec}
}

// ID is catalog/NAME.
func (c *Catalog) ID() resource.ID { return resource.ID{Kind: "catalog", Name: c.spec.Name} }

// live is what Glue says. A nil database is none, and so is a nil table.
type live struct {
	database *types.Database
	table    *types.Table
	tags     map[string]string
}

func (c *Catalog) find(ctx context.Context) (live, error) {
	var (
		l                  live
		wg                 sync.WaitGroup
		errDB, errT, errTg error
	)
	wg.Go(func() { l.database, errDB = c.database(ctx) })
	wg.Go(func() { l.table, errT = c.table(ctx) })
	wg.Go(func() { l.tags, errTg = c.tags(ctx) })
	wg.Wait()
	for _, err := range []error{errDB, errT, errTg} {
		if err != nil {
			return live{}, err
		}
	}
	return l, nil
}

func (c *Catalog) database(ctx context.Context) (*types.Database, error) {
	out, err := c.glue.GetDatabase(ctx, &glue.GetDatabaseInput{Name: &c.spec.Database})
	if apierr.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Database, nil
}

func (c *Catalog) table(ctx context.Context) (*types.Table, error) {
	out, err := c.glue.GetTable(ctx, &glue.GetTableInput{DatabaseName: &c.spec.Database, Name: &c.spec.Table})
	if apierr.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Table, nil
}

func (c *Catalog) tags(ctx context.Context) (map[string]string, error) {
	out, err := c.glue.GetTags(ctx, &glue.GetTagsInput{ResourceArn: &c.spec.DatabaseARN})
	if apierr.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Tags, nil
}

// Diff implements resource.Resource.
func (c *Catalog) Diff(ctx context.Context) (resource.Change, error) {
	l, err := c.find(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	if l.database == nil {
		return resource.Change{
			Action: resource.Create,
			Attributes: []resource.Attribute{
				{Name: "database", New: c.spec.Database}, {Name: "table", New: c.spec.Table}, {Name: "location", New: c.spec.Location},
				{Name: "columns", New: words(c.spec.Columns)}, {Name: "partition_keys", New: words(c.spec.PartitionKeys)},
			},
			Steps: []resource.Step{{Call: "glue:CreateDatabase", Do: c.createDatabase, Wait: c.waitForDatabase}, c.createTableStep()},
		}, nil
	}
	change := resource.Change{Action: resource.None}
	if diff := c.spec.Owner.DiffTags(l.tags); len(diff) > 0 {
		change.Attributes = append(change.Attributes, diff...)
		change.Steps = append(change.Steps, resource.Step{Call: "glue:TagResource", Do: c.tag, Wait: c.waitForTags})
	}
	if old := aws.ToString(l.database.Description); old != c.spec.Description {
		change.Attributes = append(change.Attributes, resource.Attribute{Name: "description", Old: old, New: c.spec.Description})
		change.Steps = append(change.Steps, resource.Step{Call: "glue:UpdateDatabase", Do: c.updateDatabase})
	}
	if l.table == nil {
		change.Attributes = append(change.Attributes, resource.Attribute{Name: "table", New: c.spec.Table})
		change.Steps = append(change.Steps, c.createTableStep())
	} else if diff := c.diffTable(l.table); len(diff) > 0 {
		change.Attributes = append(change.Attributes, diff...)
		change.Steps = append(change.Steps, c.updateTableStep())
	}
	if len(change.Steps) > 0 {
		change.Action = resource.Update
	}
	if !c.spec.Owner.Owns(l.tags) {
		change.Action, change.Reason = resource.Conflict, fmt.Sprintf("database %s is somebody else's", c.spec.Database)
	}
	return change, nil
}

func (c *Catalog) createDatabase(ctx context.Context) error {
	_, err := c.glue.CreateDatabase(ctx, &glue.CreateDatabaseInput{
		DatabaseInput: &types.DatabaseInput{Name: &c.spec.Database, Description: &c.spec.Description}, Tags: c.spec.Owner.Tags(),
	})
	if !apierr.Exists(err) {
		return err
	}
	tags, err := c.tags(ctx)
	if err == nil && !c.spec.Owner.Owns(tags) {
		return fmt.Errorf("database %s was made meanwhile, and not by us", c.spec.Database)
	}
	return err
}

func (c *Catalog) waitForDatabase(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the database is known", func(ctx context.Context) (bool, error) {
		db, err := c.database(ctx)
		return db != nil, err
	})
}

// updateDatabase keeps of the live database what is not ours to say.
func (c *Catalog) updateDatabase(ctx context.Context) error {
	db, err := c.database(ctx)
	if err != nil {
		return err
	}
	if db == nil {
		return fmt.Errorf("database %s is gone", c.spec.Database)
	}
	_, err = c.glue.UpdateDatabase(ctx, &glue.UpdateDatabaseInput{Name: &c.spec.Database, DatabaseInput: &types.DatabaseInput{
		Name: &c.spec.Database, Description: &c.spec.Description, LocationUri: db.LocationUri, Parameters: db.Parameters,
		CreateTableDefaultPermissions: db.CreateTableDefaultPermissions,
	}})
	return err
}

func (c *Catalog) tag(ctx context.Context) error {
	_, err := c.glue.TagResource(ctx, &glue.TagResourceInput{ResourceArn: &c.spec.DatabaseARN, TagsToAdd: c.spec.Owner.Tags()})
	return err
}

func (c *Catalog) waitForTags(ctx context.Context) error {
	return resource.Poll(ctx, "waiting until the tags are known", func(ctx context.Context) (bool, error) {
		tags, err := c.tags(ctx)
		return len(c.spec.Owner.DiffTags(tags)) == 0, err
	})
}

// Removal implements resource.Resource. A database in which others put tables
// is kept: Glue would delete theirs with it.
func (c *Catalog) Removal(ctx context.Context) (resource.Change, error) {
	l, err := c.find(ctx)
	if err != nil || l.database == nil {
		return resource.Change{Action: resource.None}, err
	}
	if !c.spec.Owner.Owns(l.tags) {
		return resource.Change{Action: resource.Keep, Reason: "not ours"}, nil
	}
	guest, err := c.guest(ctx)
	if err != nil {
		return resource.Change{}, err
	}
	if guest != "" {
		return resource.Change{Action: resource.Keep, Reason: guestReason(guest)}, nil
	}
	change := resource.Change{Action: resource.Delete}
	if l.table != nil {
		change.Steps = append(change.Steps, resource.Step{Call: "glue:DeleteTable", Do: func(ctx context.Context) error {
			_, err := c.glue.DeleteTable(ctx, &glue.DeleteTableInput{DatabaseName: &c.spec.Database, Name: &c.spec.Table})
			if apierr.NotFound(err) {
				return nil
			}
			return err
		}})
	}
	change.Steps = append(change.Steps, resource.Step{Call: "glue:DeleteDatabase", Do: c.deleteDatabase, Wait: func(ctx context.Context) error {
		return resource.Poll(ctx, "waiting until the database is gone", func(ctx context.Context) (bool, error) {
			db, err := c.database(ctx)
			return db == nil, err
		})
	}})
	return change, nil
}

func guestReason(table string) string {
	return fmt.Sprintf("holds the table %s, which is not ours", table)
}

// guest names a table in the database that is not ours, "" when there is none.
func (c *Catalog) guest(ctx context.Context) (string, error) {
	out, err := c.glue.GetTables(ctx, &glue.GetTablesInput{DatabaseName: &c.spec.Database})
	if apierr.NotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, t := range out.TableList {
		if name := aws.ToString(t.Name); name != c.spec.Table {
			return name, nil
		}
	}
	return "", nil
}

func (c *Catalog) deleteDatabase(ctx context.Context) error {
	guest, err := c.guest(ctx)
	if err != nil {
		return err
	}
	if guest != "" {
		return &resource.Kept{Reason: guestReason(guest)}
	}
	_, err = c.glue.DeleteDatabase(ctx, &glue.DeleteDatabaseInput{Name: &c.spec.Database})
	if apierr.NotFound(err) {
		return nil
	}
	return err
}
