package redrive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"
)

// kind is what a record of the journal tells of a message.
type kind byte

// The kinds of record. All but begun and ended are of one message.
const (
	begun     kind = 'r' // a run; the id is the run's
	ended     kind = 'e' // a run came to its end by itself
	intended  kind = 'i' // a send is about to be tried
	refused   kind = 'x' // the send was refused for certain
	unsure    kind = 'u' // it is sent again though the first send may have gone through
	confirmed kind = 's' // the send is confirmed
	deleted   kind = 'd' // the message is deleted from where it was
)

// record is one line of a journal.
type record struct {
	kind kind
	at   time.Time // to the millisecond
	id   string    // of the message where it came from
	// What SQS answered to the send; of confirmed only.
	newID, sequence, group string
}

// append writes a record as a line that proves itself:
//
//	<crc32 of the rest> <kind> <milliseconds> <id> [<new id> <sequence> <group>]
//
// separated by tabs, "-" for nothing.
func (r record) append(b []byte) ([]byte, error) {
	for _, f := range []string{r.id, r.newID, r.sequence, r.group} {
		if strings.ContainsFunc(f, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			return b, fmt.Errorf("journal: %q can't be written down", f)
		}
	}
	start := len(b)
	b = append(b, "00000000\t"...)
	b = append(b, byte(r.kind), '\t')
	b = strconv.AppendInt(b, r.at.UnixMilli(), 10)
	b = append(append(b, '\t'), orDash(r.id)...)
	if r.kind == confirmed {
		for _, f := range []string{r.newID, r.sequence, r.group} {
			b = append(append(b, '\t'), orDash(f)...)
		}
	}
	const digits = "0123456789abcdef"
	sum := crc32.ChecksumIEEE(b[start+9:])
	for i := range 8 {
		b[start+i] = digits[sum>>(28-4*i)&15]
	}
	return append(b, '\n'), nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func fromDash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// errDamaged is a line that is no record: the rest of one that was cut short, or
// what a failing disk made of one.
var errDamaged = errors.New("damaged record")

// parse reads a line without its end.
func parse(line []byte) (record, error) {
	sum, rest, ok := bytes.Cut(line, []byte{'\t'})
	if want, err := strconv.ParseUint(string(sum), 16, 32); !ok || len(sum) != 8 || err != nil || uint32(want) != crc32.ChecksumIEEE(rest) {
		return record{}, errDamaged
	}
	fields := strings.Split(string(rest), "\t")
	if len(fields) < 3 || len(fields[0]) != 1 {
		return record{}, errDamaged
	}
	r := record{kind: kind(fields[0][0]), id: fromDash(fields[2])}
	millis, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return record{}, errDamaged
	}
	r.at = time.UnixMilli(millis)
	switch {
	case strings.IndexByte("reixud", byte(r.kind)) >= 0 && len(fields) == 3:
	case r.kind == confirmed && len(fields) == 6:
		r.newID, r.sequence, r.group = fromDash(fields[3]), fromDash(fields[4]), fromDash(fields[5])
	default:
		return record{}, errDamaged
	}
	return r, nil
}

// readRecords gives each whole record of a journal to take, passes over damaged
// lines, and says whether the last line has its end. A process that is killed
// leaves at most one damaged line, the last.
func readRecords(from io.Reader, take func(record)) (whole bool, err error) {
	whole = true
	for in := bufio.NewReaderSize(from, 1<<16); ; {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			whole = line[len(line)-1] == '\n'
			if r, bad := parse(bytes.TrimSuffix(line, []byte{'\n'})); bad == nil && whole {
				take(r)
			}
		}
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return whole, fmt.Errorf("read journal: %w", err)
		}
	}
}
