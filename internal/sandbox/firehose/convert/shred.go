package convert

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// mismatch fails a record in Firehose's words.
func mismatch(format string, args ...any) error {
	return &Failure{Code: MalformedData, Message: "Data does not match the schema. " + fmt.Sprintf(format, args...)}
}

// input names a value that is not of its column's type, as Java does.
func input(value []byte) error { return mismatch("For input string: %q", value) }

// record takes the objects of a record and returns how many they were.
func (f *File) record(data []byte) (rows int, err error) {
	f.scan, f.seen = scanner{data: data}, f.seen[:0]
	for f.scan.peek() != 0 || f.scan.at < len(data) || rows == 0 {
		switch c := f.scan.peek(); {
		case c != '{' && rows == 0:
			if _, err := f.scan.skip(0); err != nil {
				return 0, err
			}
			return 0, mismatch("A JSON object is required")
		case c != '{':
			return 0, f.scan.unexpected()
		}
		if err := f.object(f.table.root, 0, 0); err != nil {
			return 0, err
		}
		rows++
	}
	return rows, nil
}

// null adds nothing at level def to all leaf columns of n.
func (f *File) null(n *node, rep, def int) {
	for _, c := range f.columns[n.leaf:n.end] {
		c.Null(rep, def)
	}
}

// value takes a value of type n, whose place is at the levels rep and def.
func (f *File) value(n *node, rep, def, depth int) error {
	if depth >= deepest {
		_, err := f.scan.skip(depth) // says that it is too deep
		return err
	}
	switch c := f.scan.peek(); {
	case c == 'n':
		f.null(n, rep, def)
		return f.scan.literal("null")
	case n.kind == structure && c == '{':
		return f.object(n, rep, depth)
	case n.kind == list && c == '[', n.kind == mapping && c == '{':
		return f.elements(n, rep, depth)
	case n.kind == text && (c == '{' || c == '['):
		return f.document(n, rep, depth)
	}
	word, ok, err := f.scan.scalar()
	switch {
	case err != nil:
		return err
	case !ok || n.kind == structure || n.kind == list || n.kind == mapping:
		return mismatch("The value at offset %d is of another kind", f.scan.at)
	}
	return f.put(n, rep, word)
}

// document keeps JSON in a string column.
func (f *File) document(n *node, rep, depth int) error {
	raw, err := f.scan.skip(depth)
	if err != nil {
		return err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return malformed("%v", err)
	}
	return f.put(n, rep, compact.Bytes())
}

// object takes the members that are fields of n; the others are skipped, the
// missing ones are null. A member that is there twice is no JSON to Firehose.
func (f *File) object(n *node, rep, depth int) error {
	f.scan.at++
	base := len(f.seen)
	for range n.fields {
		f.seen = append(f.seen, false)
	}
	for more := f.scan.peek() != '}'; more; {
		key, err := f.scan.text()
		if err != nil {
			return err
		}
		if err := f.scan.expect(':'); err != nil {
			return err
		}
		if i, ok := n.index[string(f.normal(key))]; !ok {
			_, err = f.scan.skip(depth + 1)
		} else if f.seen[base+i] {
			return malformed("Duplicate field '%s'", key)
		} else {
			f.seen[base+i] = true
			err = f.value(n.fields[i], rep, n.def, depth+1)
		}
		if err != nil {
			return err
		}
		if f.scan.peek() == '}' {
			break
		}
		if err := f.scan.expect(','); err != nil {
			return err
		}
	}
	if err := f.scan.expect('}'); err != nil {
		return err
	}
	for i, field := range n.fields {
		if !f.seen[base+i] {
			f.null(field, rep, n.def)
		}
	}
	f.seen = f.seen[:base]
	return nil
}

// elements takes a list, or a map's pairs.
func (f *File) elements(n *node, rep, depth int) error {
	end := byte(']')
	if n.kind == mapping {
		end = '}'
	}
	f.scan.at++
	if f.scan.peek() == end {
		f.scan.at++
		f.null(n, rep, n.def)
		return nil
	}
	for more := true; more; rep = n.rep {
		if n.kind == mapping {
			key, err := f.scan.text()
			if err != nil {
				return err
			}
			if err := f.scan.expect(':'); err != nil {
				return err
			}
			if err := f.put(n.key, rep, key); err != nil {
				return err
			}
		}
		err := f.value(n.elem, rep, n.def+1, depth+1)
		if err != nil {
			return err
		}
		if more, err = f.scan.more(end); err != nil {
			return err
		}
	}
	return nil
}

// normal is a JSON key as keys are compared. Glue's names are of ASCII letters
// when they have any of two cases. It is good until the next call.
func (f *File) normal(key []byte) []byte {
	f.key = append(f.key[:0], key...)
	for i, c := range f.key {
		switch {
		case 'A' <= c && c <= 'Z' && !f.table.options.CaseSensitive:
			f.key[i] = c + 'a' - 'A'
		case c == '.' && f.table.options.Dots:
			f.key[i] = '_'
		}
	}
	return f.key
}

// put adds a scalar to a leaf column. The SerDe takes numbers and literals in
// strings too, and anything for a string.
func (f *File) put(n *node, rep int, word []byte) error {
	c := f.columns[n.leaf]
	switch n.kind {
	case text:
		c.Bytes(rep, word)
		return nil
	case integer:
		i, err := strconv.ParseInt(string(bytes.TrimSpace(word)), 10, n.bits)
		if err != nil {
			return input(word)
		}
		if n.bits == 64 {
			c.Int64(rep, i)
		} else {
			c.Int32(rep, int32(i))
		}
		return nil
	case float, double:
		x, err := strconv.ParseFloat(string(bytes.TrimSpace(word)), n.bits)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return input(word)
		}
		if n.kind == float {
			c.Float(rep, float32(x))
		} else {
			c.Double(rep, x)
		}
		return nil
	case boolean:
		yes := strings.EqualFold(string(word), "true")
		if yes || strings.EqualFold(string(word), "false") {
			c.Boolean(rep, yes)
			return nil
		}
	case date:
		if t, err := time.Parse("2006-1-2", string(word)); err == nil {
			c.Int32(rep, int32(t.Unix()/86400))
			return nil
		}
	case timestamp:
		if t, ok := instant(string(word)); ok {
			value := int96(t)
			c.Bytes(rep, value[:])
			return nil
		}
	case decimal:
		value, ok := unscaled(string(bytes.TrimSpace(word)), n.precision, n.scale)
		if ok {
			c.Bytes(rep, value)
			return nil
		}
	}
	return input(word)
}

// instant reads a time in one of the forms of "Choose the JSON deserializer":
// 2017-02-07T15:13:01.39256Z, 2017-02-07 15:13:01.14, and seconds or
// milliseconds since 1970. Other offsets than Z are none of them.
func instant(s string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05Z", "2006-01-02T15:04:05", "2006-1-2 15:4:5"} {
		if t, err := time.Parse(layout, s); err == nil { // a fraction is taken too
			return t, true
		}
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.Abs(x) > 1e15 || math.IsNaN(x) {
		return time.Time{}, false
	}
	if math.Abs(x) >= 1e12 {
		return time.UnixMilli(int64(x)), true
	}
	return time.UnixMilli(int64(math.Round(x * 1000))), true
}

// int96 is a time as Hive writes it: nanoseconds of the day and the Julian day.
func int96(t time.Time) (value [12]byte) {
	const (
		epoch = 2440588 // the Julian day of 1970-01-01
		day   = 86400
	)
	days := t.Unix() / day
	if t.Unix()%day < 0 {
		days--
	}
	binary.LittleEndian.PutUint64(value[:], uint64(t.Unix()-days*day)*1e9+uint64(t.Nanosecond()))
	binary.LittleEndian.PutUint32(value[8:], uint32(days+epoch))
	return value
}
