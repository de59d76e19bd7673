package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// How Hive, and with it Athena and Firehose, reads and writes Parquet.
const (
	tableType    = "EXTERNAL_TABLE"
	inputFormat  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
	outputFormat = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
	serde        = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
)

// parameters are those of the spec and those that every such table has.
func (c *Catalog) parameters() map[string]string {
	p := map[string]string{"EXTERNAL": "TRUE", "classification": "parquet"}
	maps.Copy(p, c.spec.Parameters)
	return p
}

// input is the wanted table. Of a live one it keeps what is not ours to say:
// Glue replaces the whole definition.
func (c *Catalog) input(t *types.Table) *types.TableInput {
	in := &types.TableInput{StorageDescriptor: &types.StorageDescriptor{}}
	if t != nil {
		in.Description, in.Owner, in.Retention = t.Description, t.Owner, t.Retention
		in.Parameters = maps.Clone(t.Parameters)
		if t.StorageDescriptor != nil {
			sd := *t.StorageDescriptor
			in.StorageDescriptor = &sd
		}
	}
	in.Name, in.TableType = &c.spec.Table, aws.String(tableType)
	in.PartitionKeys = columns(c.spec.PartitionKeys)
	if in.Parameters == nil {
		in.Parameters = map[string]string{}
	}
	maps.Copy(in.Parameters, c.parameters())
	sd := in.StorageDescriptor
	sd.Columns, sd.Location = columns(c.spec.Columns), &c.spec.Location
	sd.InputFormat, sd.OutputFormat = aws.String(inputFormat), aws.String(outputFormat)
	if sd.SerdeInfo == nil || aws.ToString(sd.SerdeInfo.SerializationLibrary) != serde {
		sd.SerdeInfo = &types.SerDeInfo{SerializationLibrary: aws.String(serde), Parameters: map[string]string{"serialization.format": "1"}}
	}
	return in
}

func columns(cs []Column) []types.Column {
	out := make([]types.Column, 0, len(cs))
	for _, c := range cs {
		col := types.Column{Name: aws.String(c.Name), Type: aws.String(c.Type)}
		if c.Comment != "" {
			col.Comment = aws.String(c.Comment)
		}
		out = append(out, col)
	}
	return out
}

func plain(cs []types.Column) []Column {
	out := make([]Column, 0, len(cs))
	for _, c := range cs {
		out = append(out, Column{Name: aws.ToString(c.Name), Type: aws.ToString(c.Type), Comment: aws.ToString(c.Comment)})
	}
	return out
}

// words are columns as people list them: "year string, month string".
func words(cs []Column) string {
	list := make([]string, 0, len(cs))
	for _, c := range cs {
		list = append(list, c.Name+" "+c.Type)
	}
	return strings.Join(list, ", ")
}

func (c *Catalog) diffTable(t *types.Table) []resource.Attribute {
	var diff []resource.Attribute
	compare := func(name, old, want string) {
		if old != want {
			diff = append(diff, resource.Attribute{Name: name, Old: old, New: want})
		}
	}
	sd := t.StorageDescriptor
	if sd == nil {
		sd = &types.StorageDescriptor{}
	}
	compare("table_type", aws.ToString(t.TableType), tableType)
	compare("location", aws.ToString(sd.Location), c.spec.Location)
	var library string
	if sd.SerdeInfo != nil {
		library = aws.ToString(sd.SerdeInfo.SerializationLibrary)
	}
	compare("format", format(aws.ToString(sd.InputFormat), aws.ToString(sd.OutputFormat), library), format(inputFormat, outputFormat, serde))
	diff = append(diff, diffColumns(plain(sd.Columns), c.spec.Columns)...)
	if live := plain(t.PartitionKeys); !slices.Equal(live, c.spec.PartitionKeys) {
		diff = append(diff, resource.Attribute{Name: "partition_keys", Old: words(live), New: words(c.spec.PartitionKeys)})
	}
	want := c.parameters()
	for _, k := range slices.Sorted(maps.Keys(want)) {
		compare("parameters."+k, t.Parameters[k], want[k])
	}
	return diff
}

// format is the one word for what three Java classes say together.
func format(input, output, library string) string {
	if input == inputFormat && output == outputFormat && library == serde {
		return "Parquet"
	}
	return strings.Join([]string{input, output, library}, ", ")
}

// diffColumns names each column that differs; only when none does but the order
// is it one for all of them.
func diffColumns(live, want []Column) []resource.Attribute {
	var diff []resource.Attribute
	text := func(c Column) string {
		if c.Comment == "" {
			return c.Type
		}
		return fmt.Sprintf("%s (%s)", c.Type, c.Comment)
	}
	byName := map[string]Column{}
	for _, c := range live {
		byName[c.Name] = c
	}
	for _, w := range want {
		if l, ok := byName[w.Name]; !ok {
			diff = append(diff, resource.Attribute{Name: "columns." + w.Name, New: text(w)})
		} else if l != w {
			diff = append(diff, resource.Attribute{Name: "columns." + w.Name, Old: text(l), New: text(w)})
		}
		delete(byName, w.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		diff = append(diff, resource.Attribute{Name: "columns." + name, Old: text(byName[name])})
	}
	if len(diff) == 0 && !slices.Equal(live, want) {
		diff = append(diff, resource.Attribute{Name: "columns", Old: words(live), New: words(want)})
	}
	return diff
}

func (c *Catalog) createTableStep() resource.Step {
	return resource.Step{
		Call: "glue:CreateTable",
		Do: func(ctx context.Context) error {
			_, err := c.glue.CreateTable(ctx, &glue.CreateTableInput{DatabaseName: &c.spec.Database, TableInput: c.input(nil)})
			if apierr.Exists(err) {
				return nil
			}
			return err
		},
		Wait: c.waitForTable(func(*types.Table) bool { return true }),
	}
}

func (c *Catalog) updateTableStep() resource.Step {
	return resource.Step{Call: "glue:UpdateTable", Do: c.updateTable, Wait: c.waitForTable(func(t *types.Table) bool { return len(c.diffTable(t)) == 0 })}
}

func (c *Catalog) updateTable(ctx context.Context) error {
	t, err := c.table(ctx)
	if err != nil {
		return err
	}
	if t == nil {
		return fmt.Errorf("table %s.%s is gone", c.spec.Database, c.spec.Table)
	}
	_, err = c.glue.UpdateTable(ctx, &glue.UpdateTableInput{DatabaseName: &c.spec.Database, TableInput: c.input(t)})
	return err
}

func (c *Catalog) waitForTable(settled func(*types.Table) bool) func(context.Context) error {
	return func(ctx context.Context) error {
		return resource.Poll(ctx, "waiting until the table is known", func(ctx context.Context) (bool, error) {
			t, err := c.table(ctx)
			return t != nil && settled(t), err
		})
	}
}
