// Package glue is the sandbox's Glue Data Catalog: databases with tags, tables
// with their versions. It describes data and holds none.
package glue

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// Service is Glue's catalog.
type Service struct {
	bus *bus.Bus

	mu        sync.Mutex
	databases map[string]*database
}

type database struct {
	input   types.DatabaseInput
	created time.Time
	tags    bus.Tags
	tables  map[string][]types.Table // versions, oldest first
}

// New is an empty catalog.
func New(b *bus.Bus) *Service {
	s := &Service{bus: b, databases: map[string]*database{}}
	b.Tables = s
	b.ListTagged(s.tagged)
	return s
}

// Wire is what the service offers.
func (s *Service) Wire() wire.Service {
	return wire.Service{Name: "glue", Invalid: "InvalidInputException", Ops: map[string]wire.Op{
		"CreateDatabase":   wire.Handle(s.createDatabase),
		"GetDatabase":      wire.Handle(s.getDatabase),
		"GetDatabases":     wire.Handle(s.getDatabases),
		"UpdateDatabase":   wire.Handle(s.updateDatabase),
		"DeleteDatabase":   wire.Handle(s.deleteDatabase),
		"CreateTable":      wire.Handle(s.createTable),
		"GetTable":         wire.Handle(s.getTable),
		"GetTables":        wire.Handle(s.getTables),
		"UpdateTable":      wire.Handle(s.updateTable),
		"DeleteTable":      wire.Handle(s.deleteTable),
		"GetTableVersion":  wire.Handle(s.getTableVersion),
		"GetTableVersions": wire.Handle(s.getTableVersions),
		"TagResource":      wire.Handle(s.tagResource),
		"UntagResource":    wire.Handle(s.untagResource),
		"GetTags":          wire.Handle(s.getTags),
	}}
}

// Table implements bus.Tables.
func (s *Service) Table(database, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	db := s.databases[database]
	return db != nil && len(db.tables[name]) > 0
}

// Columns implements bus.Tables.
func (s *Service) Columns(database, name, version string) ([]bus.Column, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db := s.databases[database]
	if db == nil || len(db.tables[name]) == 0 {
		return nil, false
	}
	versions := db.tables[name]
	i := len(versions) - 1
	if version != "" {
		i = slices.IndexFunc(versions, func(t types.Table) bool { return *t.VersionId == version })
	}
	if i < 0 {
		return nil, false
	}
	var columns []bus.Column
	if storage := versions[i].StorageDescriptor; storage != nil {
		for _, c := range storage.Columns {
			columns = append(columns, bus.Column{Name: strings.ToLower(*c.Name), Type: aws.ToString(c.Type)})
		}
	}
	return columns, true
}

func (s *Service) tagged(add func(arn string, tags bus.Tags)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, db := range s.databases {
		add(s.bus.ARN("glue", "database/"+name), db.tags)
	}
}

// mine refuses another account's catalog, which would be asked for its leave.
func (s *Service) mine(catalog *string) error {
	if catalog != nil && *catalog != s.bus.Account {
		return wire.Errorf("AccessDeniedException", "User is not authorized to access catalog %s", *catalog)
	}
	return nil
}

// find is a database by name. Names are stored in lower case and asked for as
// they are stored.
func (s *Service) find(catalog, name *string) (*database, error) {
	if err := s.mine(catalog); err != nil {
		return nil, err
	}
	db := s.databases[*name]
	if db == nil {
		return nil, wire.Errorf("EntityNotFoundException", "Database %s not found.", *name)
	}
	return db, nil
}

func (s *Service) createDatabase(_ context.Context, in *glue.CreateDatabaseInput) (*glue.CreateDatabaseOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mine(in.CatalogId); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags, nil); err != nil {
		return nil, err
	}
	input := *in.DatabaseInput
	input.Name = aws.String(strings.ToLower(*input.Name))
	if s.databases[*input.Name] != nil {
		return nil, wire.Errorf("AlreadyExistsException", "Database already exists.")
	}
	tags := bus.Tags(nil).With(in.Tags)
	s.databases[*input.Name] = &database{input: input, created: time.Now(), tags: tags, tables: map[string][]types.Table{}}
	return &glue.CreateDatabaseOutput{}, nil
}

func (s *Service) describe(db *database) types.Database {
	return types.Database{
		Name: db.input.Name, CatalogId: aws.String(s.bus.Account), CreateTime: aws.Time(db.created), Description: db.input.Description,
		LocationUri: db.input.LocationUri, Parameters: db.input.Parameters, CreateTableDefaultPermissions: db.input.CreateTableDefaultPermissions,
	}
}

func (s *Service) getDatabase(_ context.Context, in *glue.GetDatabaseInput) (*glue.GetDatabaseOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := s.find(in.CatalogId, in.Name)
	if err != nil {
		return nil, err
	}
	d := s.describe(db)
	return &glue.GetDatabaseOutput{Database: &d}, nil
}

func (s *Service) getDatabases(_ context.Context, in *glue.GetDatabasesInput) (*glue.GetDatabasesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mine(in.CatalogId); err != nil {
		return nil, err
	}
	names, next := wire.Page(slices.Sorted(maps.Keys(s.databases)), in.NextToken, in.MaxResults, 100)
	out := &glue.GetDatabasesOutput{NextToken: next}
	for _, name := range names {
		out.DatabaseList = append(out.DatabaseList, s.describe(s.databases[name]))
	}
	return out, nil
}

func (s *Service) updateDatabase(_ context.Context, in *glue.UpdateDatabaseInput) (*glue.UpdateDatabaseOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := s.find(in.CatalogId, aws.String(strings.ToLower(*in.Name)))
	if err != nil {
		return nil, err
	}
	input := *in.DatabaseInput
	input.Name = aws.String(strings.ToLower(*input.Name))
	if *input.Name != *db.input.Name {
		return nil, wire.Errorf("InvalidInputException", "Database cannot be renamed.")
	}
	db.input = input
	return &glue.UpdateDatabaseOutput{}, nil
}

// deleteDatabase takes the tables with it, as Glue does sooner or later.
func (s *Service) deleteDatabase(_ context.Context, in *glue.DeleteDatabaseInput) (*glue.DeleteDatabaseOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(in.CatalogId, in.Name); err != nil {
		return nil, err
	}
	delete(s.databases, *in.Name)
	return &glue.DeleteDatabaseOutput{}, nil
}

// tagsOf finds the tags behind an ARN. Of the catalog's things databases alone
// have tags.
func (s *Service) tagsOf(arn *string) (bus.Tags, error) {
	name, ok := s.bus.Name(*arn, "glue", "database/")
	if !ok {
		return nil, wire.Errorf("InvalidInputException", "Unsupported resource %s", *arn)
	}
	db, err := s.find(nil, &name)
	if err != nil {
		return nil, err
	}
	return db.tags, nil
}

func checkTags(add map[string]string, have bus.Tags) error {
	for k := range add {
		if bus.ReservedTag(k) {
			return wire.Errorf("InvalidInputException", "Tag keys starting with aws: are reserved for system use")
		}
	}
	if len(have.With(add)) > bus.MaxTags {
		return wire.Errorf("InvalidInputException", "The number of tags exceeds the limit of %d", bus.MaxTags)
	}
	return nil
}

func (s *Service) tagResource(_ context.Context, in *glue.TagResourceInput) (*glue.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.TagsToAdd, tags); err != nil {
		return nil, err
	}
	maps.Copy(tags, in.TagsToAdd)
	return &glue.TagResourceOutput{}, nil
}

func (s *Service) untagResource(_ context.Context, in *glue.UntagResourceInput) (*glue.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags.Remove(in.TagsToRemove)
	return &glue.UntagResourceOutput{}, nil
}

func (s *Service) getTags(_ context.Context, in *glue.GetTagsInput) (*glue.GetTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &glue.GetTagsOutput{Tags: maps.Clone(tags)}, nil
}
