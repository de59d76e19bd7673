package convert

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rows reads a file back as JSON, by a reader that knows nothing of the table.
func rows(t testing.TB, file []byte) []string {
	t.Helper()
	r := parquet.NewGenericReader[any](bytes.NewReader(file))
	defer r.Close()
	var all []string
	buf := make([]parquet.Row, 16)
	for {
		n, err := r.ReadRows(buf)
		for _, row := range buf[:n] {
			var text strings.Builder
			for i, v := range row {
				if i > 0 {
					text.WriteByte(' ')
				}
				fmt.Fprint(&text, v)
				if v.RepetitionLevel() > 0 {
					text.WriteByte('+')
				}
			}
			all = append(all, text.String())
		}
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
	}
}

// one converts records for a table of one column, "c", and gives the rows, or
// the code and message of the first failure.
func one(t *testing.T, hive string, o Options, records ...string) string {
	t.Helper()
	table, err := New([]bus.Column{{Name: "c", Type: hive}}, o)
	must(t, err)
	f := table.Begin()
	for _, r := range records {
		if err := f.Add([]byte(r)); err != nil {
			return strings.TrimPrefix(err.Error(), "DataFormatConversion.")
		}
	}
	file := f.Bytes()
	return strings.Join(rows(t, file), " | ")
}

// What the OpenX SerDe makes of values ("Convert input data format", Firehose
// guide).
func TestValuesByType(t *testing.T) {
	for _, c := range []struct{ hive, record, want string }{
		{"string", `{"c":"a\"\u00e9\ud83d\ude00\n"}`, "a\"é😀\n"},
		{"string", `{"c":"\ud83d"}`, "\uFFFD"},
		{"string", `{"c":1.50}`, "1.50"},
		{"string", `{"c":true}`, "true"},
		{"string", `{"c":{"a": [1, 2]}}`, `{"a":[1,2]}`},
		{"varchar(3)", `{"c":"abc"}`, "abc"},
		{"int", `{"c":-7}`, "-7"},
		{"int", `{"c":"12"}`, "12"},
		{"int", `{"c":2147483648}`, `MalformedData: Data does not match the schema. For input string: "2147483648"`},
		{"int", `{"c":1.5}`, `MalformedData: Data does not match the schema. For input string: "1.5"`},
		{"bigint", `{"c":2147483648}`, "2147483648"},
		{"tinyint", `{"c":200}`, `MalformedData: Data does not match the schema. For input string: "200"`},
		{"double", `{"c":-1.25e3}`, "-1250"},
		{"double", `{"c":"oops"}`, `MalformedData: Data does not match the schema. For input string: "oops"`},
		{"double", `{"c":{}}`, "MalformedData: Data does not match the schema. The value at offset 5 is of another kind"},
		{"float", `{"c":0.5}`, "0.5"},
		{"float", `{"c":1e39}`, `MalformedData: Data does not match the schema. For input string: "1e39"`},
		{"boolean", `{"c":true}`, "true"},
		{"boolean", `{"c":"False"}`, "false"},
		{"boolean", `{"c":1}`, `MalformedData: Data does not match the schema. For input string: "1"`},
		{"date", `{"c":"1970-1-3"}`, "2"},
		{"timestamp", `{"c":"2017-02-07T15:13:01+01:00"}`, `MalformedData: Data does not match the schema. For input string: "2017-02-07T15:13:01+01:00"`},
		{"string", `{}`, "<null>"},
		{"string", `{"c":null}`, "<null>"},
		{"string", `{"C":"case"}`, "case"},
		{"string", `{"d":[{"c":1},"x"],"c":"other members are skipped"}`, "other members are skipped"},
		{"string", ` {"c":"a"}{"c":"b"}` + "\n" + `{"c":"c"} `, "a | b | c"},
		{"string", `[{"c":"a"}]`, "MalformedData: Data does not match the schema. A JSON object is required"},
		{"string", `"c"`, "MalformedData: Data does not match the schema. A JSON object is required"},
		{"string", ``, "ParseError: Encountered malformed JSON. Unexpected end-of-input at offset 0"},
		{"string", `{"c":"a"} x`, "ParseError: Encountered malformed JSON. Unexpected character ('x') at offset 10"},
		{"string", `{"c":"a"`, "ParseError: Encountered malformed JSON. Unexpected end-of-input at offset 8"},
		{"string", `{"c":1,"C":2}`, "ParseError: Encountered malformed JSON. Duplicate field 'C'"},
		{"string", "{\"c\":\"\xff\"}", "ParseError: Encountered malformed JSON. Invalid UTF-8 in the string at offset 6"},
		{"array<int>", `{"c":[1,null,3]}`, "1 <null>+ 3+"},
		{"array<int>", `{"c":[]}{"c":null}{"c":[4]}`, "<null> | <null> | 4"},
		{"array<int>", `{"c":7}`, "MalformedData: Data does not match the schema. The value at offset 6 is of another kind"},
		{"array<array<string>>", `{"c":[["a","b"],[],["c"]]}`, "a b+ <null>+ c+"},
		{"map<string,int>", `{"c":{"x":1,"y":null}}`, "x y+ 1 <null>+"},
		{"struct<a:int,b:struct<c:string>>", `{"c":{"B":{"c":"x"},"a":1}}{"c":{}}{"c":{"b":null}}`, "1 x | <null> <null> | <null> <null>"},
		{"array<struct<a:int,b:string>>", `{"c":[{"b":"x"},{"a":2}]}`, "<null> 2+ x <null>+"},
	} {
		if got := one(t, c.hive, Options{}, c.record); got != c.want {
			t.Errorf("%s of %s:\ngot  %s\nwant %s", c.hive, c.record, got, c.want)
		}
	}
}

func TestTimestamps(t *testing.T) {
	for record, want := range map[string]string{
		`"2017-02-07T15:13:01.39256Z"`: "2017-02-07 15:13:01.39256",
		`"2017-2-7 15:13:01.14"`:       "2017-02-07 15:13:01.14",
		`1518033528`:                   "2018-02-07 19:58:48",
		`"1518033528123"`:              "2018-02-07 19:58:48.123",
		`1518033528.123`:               "2018-02-07 19:58:48.123",
		`-1`:                           "1969-12-31 23:59:59",
	} {
		at, ok := instant(strings.Trim(record, `"`))
		if got := at.UTC().Format("2006-01-02 15:04:05.999999999"); !ok || got != want {
			t.Errorf("%s: got %s, want %s", record, got, want)
		}
		v := int96(at)
		nanos, day := int64(binary.LittleEndian.Uint64(v[:])), int64(binary.LittleEndian.Uint32(v[8:]))
		if back := (day-2440588)*86400e9 + nanos; back != at.UnixNano() {
			t.Errorf("%s: INT96 says %d, want %d", record, back, at.UnixNano())
		}
	}
}

// Decimals are kept exactly, in as many bytes as Hive gives their precision.
func TestDecimals(t *testing.T) {
	for _, c := range []struct {
		hive, number, want string // "" when it does not fit
	}{
		{"decimal(10,2)", "12.34", "1234"},
		{"decimal(10,2)", "-12.34", "-1234"},
		{"decimal(10,2)", "-0", "0"},
		{"decimal(10,2)", "12.345", "1235"},
		{"decimal(10,2)", "-12.345", "-1235"},
		{"decimal(10,2)", "0.004", "0"},
		{"decimal(10,2)", "0.0005e1", "1"},
		{"decimal(10,2)", "1.5E3", "150000"},
		{"decimal(10,2)", "1e-9000", "0"},
		{"decimal(10,2)", "0e9000", "0"},
		{"decimal(10,2)", "99999999.99", "9999999999"},
		{"decimal(10,2)", "99999999.995", ""},
		{"decimal(10,2)", "100000000", ""},
		{"decimal(10,2)", "1e9000", ""},
		{"decimal(10,2)", "1e99999999999999999999", ""},
		{"decimal(10,2)", "", ""},
		{"decimal(10,2)", "--1", ""},
		{"decimal(10,2)", "0x1", ""},
		{"decimal(3)", "127.5", "128"},
		{"decimal(3)", "-128", "-128"},
		{"decimal", "1234567890", "1234567890"},
		{"decimal(38,38)", "-0.99999999999999999999999999999999999999", "-99999999999999999999999999999999999999"},
	} {
		parsed, err := parseType(c.hive)
		must(t, err)
		precision, scale, err := parsed.decimal()
		must(t, err)
		value, ok := unscaled(c.number, precision, scale)
		got := ""
		if ok {
			n := new(big.Int).SetBytes(value)
			if value[0]&0x80 != 0 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(value))))
			}
			got = n.String()
		}
		if got != c.want {
			t.Errorf("%s of %q: got %q, want %q", c.hive, c.number, got, c.want)
		}
	}
	for precision, want := range map[int]int{1: 1, 2: 1, 3: 2, 9: 4, 10: 5, 18: 8, 19: 9, 38: 16} {
		if got := decimalSize(precision); got != want {
			t.Errorf("%d digits: got %d bytes, want %d", precision, got, want)
		}
	}
}

func TestOptionsOfTheSerDes(t *testing.T) {
	for _, c := range []struct {
		o            Options
		record, want string
	}{
		{Options{Keys: map[string]string{"c": "timestamp"}}, `{"Timestamp":"x"}`, "x"},
		{Options{CaseSensitive: true}, `{"C":"x"}`, "<null>"},
		{Options{Keys: map[string]string{"c": "a_b"}, Dots: true}, `{"a.b":"x"}`, "x"},
		{Options{Keys: map[string]string{"c": "a_b"}}, `{"a.b":"x"}`, "<null>"},
	} {
		if got := one(t, "string", c.o, c.record); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.o, got, c.want)
		}
	}
}

// A record that fails leaves nothing behind, wherever in it the trouble is.
func TestARecordIsTakenWholeOrNotAtAll(t *testing.T) {
	table, err := New([]bus.Column{{Name: "a", Type: "array<string>"}, {Name: "b", Type: "int"}}, Options{})
	must(t, err)
	f := table.Begin()
	must(t, f.Add([]byte(`{"a":["x"],"b":1}`)))
	for _, bad := range []string{`{"a":["y"],"b":"?"}`, `{"b":2,"a":["y",}`, `{"a":["y"],"b":2}{"b":"?"}`, `{"a":["y"],"b":2}]`} {
		if err := f.Add([]byte(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	must(t, f.Add([]byte(`{"b":3}`)))
	file := f.Bytes()
	if diff := cmp.Diff([]string{"x 1", "<null> 3"}, rows(t, file)); diff != "" || f.Rows() != 2 {
		t.Errorf("%d rows (-want +got):\n%s", f.Rows(), diff)
	}
}

func TestTheFileIsWhatWasAskedFor(t *testing.T) {
	columns := []bus.Column{{Name: "z", Type: "string"}, {Name: "a", Type: "map<string,double>"}}
	for name, want := range map[string]format.CompressionCodec{"": format.Snappy, "GZIP": format.Gzip, "UNCOMPRESSED": format.Uncompressed} {
		table, err := New(columns, Options{Compression: name})
		must(t, err)
		f := table.Begin()
		must(t, f.Add([]byte(`{"z":"x","a":{"b":1}}`)))
		file := f.Bytes()
		p, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
		must(t, err)
		if got := p.Metadata().RowGroups[0].Columns[0].MetaData.Codec; got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
		if got := p.Schema().Fields()[0].Name(); got != "z" {
			t.Errorf("first column: got %s, want z as in the table", got)
		}
	}
}

func TestTablesThatNoRecordFits(t *testing.T) {
	for _, columns := range [][]bus.Column{
		nil, {{Name: "c", Type: "set<string>"}}, {{Name: "c", Type: "decimal(39)"}}, {{Name: "c", Type: "decimal(2,3)"}}, {{Name: "c", Type: "decimal(2"}}, {{Name: "c", Type: "binary"}}, {{Name: "c", Type: strings.Repeat("array<", 130) + "int" + strings.Repeat(">", 130)}}, {{Name: "c", Type: "array"}}, {{Name: "c", Type: "struct<>"}},
		{{Name: "c", Type: "map<int,string>"}}, {{Name: "c", Type: "int>"}}, {{Name: "c", Type: ""}}, {{Name: "c", Type: "struct<a:int,A:int>"}},
	} {
		_, err := New(columns, Options{})
		if f, ok := errors.AsType[*Failure](err); !ok || f.Code != InvalidSchema {
			t.Errorf("%v: got %v, want %s", columns, err, InvalidSchema)
		}
	}
}

// The scanner takes what encoding/json takes, of valid UTF-8 and moderate
// depth, and nothing else.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-0.5e+3,"\ud83d\ude00\/",true,false,null,{}]}`, `01`, `"\ud800\ud800"`, `{"a":1,}`, `[1 2]`, "\"\x01\"", `1.`, `"\u+123"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := scanner{data: data}
		_, err := s.skip(0)
		ok := err == nil && s.peek() == 0 && s.at == len(data)
		if want := json.Valid(data); ok != want && (ok || utf8.Valid(data) && bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) < deepest) {
			t.Fatalf("%q: got %v (%v), want %v", data, ok, err, want)
		}
		var want string
		if json.Unmarshal(data, &want) == nil && utf8.Valid(data) {
			s := scanner{data: data}
			s.peek()
			if got, err := s.text(); err == nil && string(got) != want {
				t.Fatalf("%q: got %q, want %q", data, got, want)
			}
		}
	})
}

// Whatever the type and the record, a table either is refused or makes files
// that another reader can read, with as many rows as were taken.
func FuzzConvert(f *testing.F) {
	for hive, record := range map[string]string{
		"map<string,array<struct<a:int,b:decimal(5,2)>>>": `{"c":{"x":[{"a":1,"b":"2.345"},null,{}],"y":null}}{"c":null}`,
		"array<map<string,timestamp>>":                    `{"c":[{},{"k":"2026-11-23T18:00:00Z"}]}`,
		"struct<a:boolean,b:tinyint,c:date>":              `{"c":{"b":-128,"a":"TRUE","c":"2026-1-2"}}`,
		"decimal(38,3)":                                   `{"c":-1e34}`,
	} {
		f.Add(hive, record)
	}
	f.Fuzz(func(t *testing.T, hive, record string) {
		table, err := New([]bus.Column{{Name: "c", Type: hive}}, Options{})
		if err != nil {
			if _, ok := errors.AsType[*Failure](err); !ok {
				t.Fatalf("%s: %v", hive, err)
			}
			return
		}
		file := table.Begin()
		for range 2 {
			if err := file.Add([]byte(record)); err != nil && file.Rows() > 0 {
				t.Fatalf("%s of %q: taken once, then %v", hive, record, err)
			}
		}
		want := file.Rows()
		if got := len(rows(t, file.Bytes())); got != want {
			t.Fatalf("%s of %q: %d rows, want %d", hive, record, got, want)
		}
	})
}

func telemetry() []bus.Column {
	var all []bus.Column
	for _, name := range []string{"event_id", "vehicle_id", "type", "severity", "occurred_at"} {
		all = append(all, bus.Column{Name: name, Type: "string"})
	}
	for _, name := range []string{"latitude", "longitude", "speed_kmh", "heading", "battery_volts", "fuel_percent", "odometer_km"} {
		all = append(all, bus.Column{Name: name, Type: "double"})
	}
	return all
}

func event(i int) []byte {
	return fmt.Appendf(nil, `{"event_id":"0198c1f0-4d5e-7a3b-9c2d-%012d","vehicle_id":"VIN-%06d","type":"position","severity":"info","occurred_at":"2026-11-23T10:%02d:%02d.%03dZ",`+
		`"latitude":%.6f,"longitude":%.6f,"speed_kmh":%d.5,"heading":%d,"battery_volts":12.%d,"fuel_percent":%d,"odometer_km":%d.2}`,
		i, i%5000, i/60%60, i%60, i%1000, 48+float64(i%977)/1000, 11+float64(i%1301)/1000, i%130, i%360, i%10, i%100, i)
}

// BenchmarkConvert converts telemetry into GZIP pages on one core.
func BenchmarkConvert(b *testing.B) {
	table, err := New(telemetry(), Options{Compression: "GZIP"})
	must(b, err)
	records := make([][]byte, 25_000)
	size := 0
	for i := range records {
		records[i] = event(i)
		size += len(records[i])
	}
	b.ReportAllocs()
	for b.Loop() {
		f := table.Begin()
		for _, r := range records {
			must(b, f.Add(r))
		}
		file := f.Bytes()
		b.ReportMetric(float64(len(file))/float64(len(records)), "bytes/record")
	}
	b.SetBytes(int64(size))
	b.ReportMetric(float64(len(records)*b.N)/b.Elapsed().Seconds(), "records/s")
}
