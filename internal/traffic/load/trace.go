package load

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The columns of a trace, by their names in its header. Others are not read.
const (
	columnOffset = "offset_s"
	columnRate   = "records_per_s"
)

// longest is the most that a trace may span: beyond it a Duration overflows.
const longest = 290 * 365 * 24 * time.Hour

// Read reads a recorded load: comma-separated values with a header, and in each
// row the seconds since the first one and the mean rate from there to the next
// row. Between the middles of two rows the rate is on a straight line, before
// the first and after the last it is level.
func Read(from io.Reader) (Load, error) {
	r := csv.NewReader(from)
	r.Comment, r.TrimLeadingSpace, r.ReuseRecord = '#', true, true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return Load{}, errors.New("it is empty")
	}
	if err != nil {
		return Load{}, err
	}
	header = slices.Clone(header) // the reader writes over it
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	offset, rate := slices.Index(header, columnOffset), slices.Index(header, columnRate)
	if offset < 0 || rate < 0 {
		return Load{}, fmt.Errorf("line 1: want columns %s and %s, found %s", columnOffset, columnRate, strings.Join(header, ", "))
	}
	var rows []point
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return fromRows(rows)
		}
		if err != nil {
			return Load{}, err
		}
		p, err := parse(row[offset], row[rate])
		if err == nil && len(rows) == 0 && p.at != 0 {
			err = fmt.Errorf("the first %s is %s: want 0", columnOffset, row[offset])
		}
		if err == nil && len(rows) > 0 && p.at <= rows[len(rows)-1].at {
			err = fmt.Errorf("%s %s is not after the row before", columnOffset, row[offset])
		}
		if err != nil {
			line, _ := r.FieldPos(offset)
			return Load{}, fmt.Errorf("line %d: %w", line, err)
		}
		rows = append(rows, p)
	}
}

func parse(offset, rate string) (point, error) {
	seconds, err := strconv.ParseFloat(offset, 64)
	if err != nil || !(seconds >= 0 && seconds <= longest.Seconds()) {
		return point{}, fmt.Errorf("%s %.40q is not a number of seconds", columnOffset, offset)
	}
	perSecond, err := strconv.ParseFloat(rate, 64)
	if err != nil || !(perSecond >= 0 && perSecond <= mostRate) {
		return point{}, fmt.Errorf("%s %.40q is not a rate from 0 to %.0f", columnRate, rate, mostRate)
	}
	return point{at: time.Duration(math.Round(seconds * float64(time.Second))), rate: perSecond}, nil
}

// fromRows puts the rate of each row in its middle. The last row is as long as
// the one before.
func fromRows(rows []point) (Load, error) {
	if len(rows) < 2 {
		return Load{}, errors.New("it has fewer than two rows, which say nothing of their length")
	}
	last := len(rows) - 1
	end := rows[last].at + rows[last].at - rows[last-1].at
	points := []point{{rate: rows[0].rate}}
	for i, row := range rows {
		next := end
		if i < last {
			next = rows[i+1].at
		}
		points = append(points, point{at: row.at + (next-row.at)/2, rate: row.rate})
	}
	return newLoad(append(points, point{at: end, rate: rows[last].rate}))
}
