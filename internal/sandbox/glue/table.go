package glue

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// table is the newest version of a table.
func (db *database) table(name string) (types.Table, error) {
	versions := db.tables[name]
	if len(versions) == 0 {
		return types.Table{}, wire.Errorf("EntityNotFoundException", "Table %s not found.", name)
	}
	return versions[len(versions)-1], nil
}

// checkTable refuses a table that no reader could make sense of: Glue leaves
// some of it to the reader, who then fails.
func checkTable(in *types.TableInput) error {
	if in == nil {
		return wire.Errorf("InvalidInputException", "TableInput cannot be null")
	}
	var columns []types.Column
	if in.StorageDescriptor != nil {
		columns = in.StorageDescriptor.Columns
	}
	seen := map[string]bool{}
	for _, c := range slices.Concat(columns, in.PartitionKeys) {
		name := strings.ToLower(*c.Name)
		if seen[name] {
			return wire.Errorf("InvalidInputException", "Duplicate column %s: partition keys are no columns", name)
		}
		seen[name] = true
	}
	return nil
}

// version is the next version of a table.
func (s *Service) version(database string, in *types.TableInput, last *types.Table) types.Table {
	now := time.Now()
	t := types.Table{
		Name: aws.String(strings.ToLower(*in.Name)), DatabaseName: &database, CatalogId: aws.String(s.bus.Account),
		Description: in.Description, Owner: in.Owner, Parameters: in.Parameters, PartitionKeys: in.PartitionKeys, Retention: in.Retention,
		StorageDescriptor: in.StorageDescriptor, TableType: in.TableType, CreateTime: &now, UpdateTime: &now, VersionId: aws.String("0"),
		CreatedBy: aws.String("arn:aws:iam::" + s.bus.Account + ":user/sandbox"), ViewExpandedText: in.ViewExpandedText, ViewOriginalText: in.ViewOriginalText,
	}
	if last != nil {
		n, _ := strconv.Atoi(*last.VersionId) // we wrote it
		t.CreateTime, t.VersionId = last.CreateTime, aws.String(strconv.Itoa(n+1))
	}
	return t
}

func (s *Service) createTable(_ context.Context, in *glue.CreateTableInput) (*glue.CreateTableOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := s.find(in.CatalogId, in.DatabaseName)
	if err != nil {
		return nil, err
	}
	if err := checkTable(in.TableInput); err != nil {
		return nil, err
	}
	t := s.version(*in.DatabaseName, in.TableInput, nil)
	if len(db.tables[*t.Name]) > 0 {
		return nil, wire.Errorf("AlreadyExistsException", "Table already exists.")
	}
	db.tables[*t.Name] = []types.Table{t}
	return &glue.CreateTableOutput{}, nil
}

func (s *Service) getTable(_ context.Context, in *glue.GetTableInput) (*glue.GetTableOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := s.find(in.CatalogId, in.DatabaseName)
	if err != nil {
		return nil, err
	}
	t, err := db.table(*in.Name)
	if err != nil {
		return nil, err
	}
	return &glue.GetTableOutput{Table: &t}, nil
}

func (s *Service) getTables(_ context.Context, in *glue.GetTablesInput) (*glue.GetTablesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Expression != nil {
		return nil, wire.Errorf("InvalidInputException", "the sandbox filters no tables by expression")
	}
	db, err := s.find(in.CatalogId, in.DatabaseName)
	if err != nil {
		return nil, err
	}
	names, next := wire.Page(slices.Sorted(maps.Keys(db.tables)), in.NextToken, in.MaxResults, 100)
	out := &glue.GetTablesOutput{NextToken: next}
	for _, name := range names {
		t, err := db.table(name)
		if err != nil {
			return nil, err
		}
		out.TableList = append(out.TableList, t)
	}
	return out, nil
}

// updateTable replaces the definition; nothing of the old one is merged in.
func (s *Service) updateTable(_ context.Context, in *glue.UpdateTableInput) (*glue.UpdateTableOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := s.find(in.CatalogId, in.DatabaseName)
	if err != nil {
		return nil, err
	}
	if err := checkTable(in.TableInput); err != nil {
		return nil, err
	}
	last, err := db.table(strings.ToLower(*in.TableInput.Name))
	if err != nil {
		return nil, err
	}
	if in.VersionId != nil && *in.VersionId != *last.VersionId {
		return nil, wire.Errorf("ConcurrentModificationException", "Update table failed due to concurrent modifications.")
	}
	t := s.version(*in.DatabaseName, in.TableInput, &last)
	versions := db.tables[*t.Name]
	if aws.ToBool(in.SkipArchive) {
		versions = versions[:len(versions)-1]
	}
	db.tables[*t.Name] = append(versions, t)
	return &glue.UpdateTableOutput{}, nil
}

func (s *Service) deleteTable(_ context.Context, in *glue.DeleteTableInput) (*glue.DeleteTableOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := s.find(in.CatalogId, in.DatabaseName)
	if err != nil {
		return nil, err
	}
	if _, err := db.table(*in.Name); err != nil {
		return nil, err
	}
	delete(db.tables, *in.Name)
	return &glue.DeleteTableOutput{}, nil
}

func (s *Service) getTableVersion(_ context.Context, in *glue.GetTableVersionInput) (*glue.GetTableVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := s.find(in.CatalogId, in.DatabaseName)
	if err != nil {
		return nil, err
	}
	t, err := db.table(*in.TableName)
	if err != nil {
		return nil, err
	}
	if in.VersionId != nil {
		versions := db.tables[*in.TableName]
		i := slices.IndexFunc(versions, func(t types.Table) bool { return *t.VersionId == *in.VersionId })
		if i < 0 {
			return nil, wire.Errorf("EntityNotFoundException", "Table version %s not found.", *in.VersionId)
		}
		t = versions[i]
	}
	return &glue.GetTableVersionOutput{TableVersion: &types.TableVersion{Table: &t, VersionId: t.VersionId}}, nil
}

// getTableVersions lists the newest version first.
func (s *Service) getTableVersions(_ context.Context, in *glue.GetTableVersionsInput) (*glue.GetTableVersionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := s.find(in.CatalogId, in.DatabaseName)
	if err != nil {
		return nil, err
	}
	if _, err := db.table(*in.TableName); err != nil {
		return nil, err
	}
	out := &glue.GetTableVersionsOutput{}
	for _, t := range slices.Backward(db.tables[*in.TableName]) {
		out.TableVersions = append(out.TableVersions, types.TableVersion{Table: &t, VersionId: t.VersionId})
	}
	return out, nil
}
