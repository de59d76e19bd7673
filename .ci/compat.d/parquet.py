"""Checks a data lake by a reader that is not ours: pyarrow.

usage: parquet.py MANIFEST FOLDER

FOLDER holds the lake's objects under their keys. MANIFEST is JSON:

  columns     [[name, type], ...] in the order of the files' schema, with
              pyarrow's names of types
  codec       the compression of all pages
  partitions  {key: value}, what the folders' names must say
  rows        [{column: value}, ...], what must be in the lake, all of it, by
              the first column

It prints "ok: N rows in M files" and ends with 0, or says what differs and ends
with 1.
"""

import datetime
import decimal
import json
import pathlib
import sys

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet


def plain(value):
    """A value as JSON has it: times in ISO 8601, maps as lists of pairs,
    decimals as strings."""
    if isinstance(value, datetime.date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def check_file(path, manifest):
    file = pa.parquet.ParquetFile(path)
    columns = [[f.name, str(f.type)] for f in file.schema_arrow]
    if columns != manifest["columns"]:
        sys.exit(f"{path}: columns {columns}, want {manifest['columns']}")
    for f in file.schema_arrow:
        if not f.nullable:
            sys.exit(f"{path}: {f.name} is required, and Hive's columns never are")
    for g in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(g)
        for c in range(group.num_columns):
            column = group.column(c)
            if column.compression != manifest["codec"]:
                sys.exit(f"{path}: {column.path_in_schema} is {column.compression}, want {manifest['codec']}")


def check_rows(folder, manifest):
    keys = pa.schema([(name, pa.string()) for name in manifest["partitions"]])
    lake = pa.dataset.dataset(folder, format="parquet", partitioning=pa.dataset.partitioning(keys, flavor="hive"))
    first = manifest["columns"][0][0]
    got = sorted(({k: plain(v) for k, v in row.items()} for row in lake.to_table().to_pylist()), key=lambda row: row[first])
    want = sorted(({**row, **manifest["partitions"]} for row in manifest["rows"]), key=lambda row: row[first])
    if len(got) != len(want):
        sys.exit(f"{len(got)} rows, want {len(want)}")
    for g, w in zip(got, want):
        if g != w:
            sys.exit(f"a row differs:\n  got  {g}\n  want {w}")
    return len(got)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    manifest = json.loads(pathlib.Path(sys.argv[1]).read_text())
    files = sorted(pathlib.Path(sys.argv[2]).rglob("*.parquet"))
    for path in files:
        check_file(path, manifest)
    print(f"ok: {check_rows(sys.argv[2], manifest)} rows in {len(files)} files")


main()
