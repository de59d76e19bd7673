package lambda

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// mostOutput is how large the file with a process's output may get before it
// begins anew, in bytes.
const mostOutput = 1 << 20

// journal takes what a process writes to CloudWatch Logs, invocation by
// invocation. A process writes to a file, so that all it wrote before it
// answered can be read when it has.
type journal struct {
	bus      *bus.Bus
	function deployed
	stream   string
	file     *os.File // the process appends to it
	from     int64    // what is before has been read
	lines    []string // of the invocation under way
}

func openJournal(b *bus.Bus, f deployed, path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	id := strings.ReplaceAll(bus.NewUUID(), "-", "")
	return &journal{bus: b, function: f, file: file, stream: time.Now().UTC().Format("2006/01/02/[$LATEST]") + id}, nil
}

func (j *journal) text() bool { return j.function.logFormat == types.LogFormatText }

func (j *journal) begin(id string) {
	if j.text() {
		j.lines = append(j.lines, "START RequestId: "+id+" Version: $LATEST")
	}
}

// end stores what the invocation wrote, and returns it.
func (j *journal) end(id string, took time.Duration) []byte {
	j.read()
	if ms := milliseconds(took); j.text() {
		j.lines = append(j.lines, "END RequestId: "+id,
			fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB\t", id, ms, math.Ceil(ms), j.function.memory))
	} else if line, err := json.Marshal(map[string]any{"time": time.Now().UTC(), "type": "platform.report",
		"record": map[string]any{"requestId": id, "metrics": map[string]any{"durationMs": ms, "memorySizeMB": j.function.memory}}}); err == nil {
		j.lines = append(j.lines, string(line))
	}
	lines := j.lines
	j.lines = nil
	j.store(lines)
	return []byte(strings.Join(lines, "\n") + "\n")
}

// read takes in what the process has written since the last time.
func (j *journal) read() {
	info, err := j.file.Stat()
	if err != nil || info.Size() <= j.from {
		return
	}
	said, err := io.ReadAll(io.NewSectionReader(j.file, j.from, info.Size()-j.from))
	if err != nil {
		return
	}
	j.from = info.Size()
	if j.from > mostOutput && j.file.Truncate(0) == nil { // the process waits meanwhile
		j.from = 0
	}
	for line := range bytes.Lines(said) {
		if line = bytes.TrimRight(line, "\n"); len(line) > 0 {
			j.lines = append(j.lines, string(line))
		}
	}
}

// store puts lines where the function's role lets them in. A function that may
// not write logs runs all the same.
func (j *journal) store(lines []string) {
	if len(lines) == 0 {
		return
	}
	b, f := j.bus, &j.function
	group := b.ARN("logs", "log-group:"+f.logGroup)
	if !b.Roles.Allowed(f.role, "logs:PutLogEvents", group+":log-stream:"+j.stream) ||
		!b.Logs.Group(f.logGroup) && !b.Roles.Allowed(f.role, "logs:CreateLogGroup", group) ||
		!b.Logs.Stream(f.logGroup, j.stream) && !b.Roles.Allowed(f.role, "logs:CreateLogStream", group+":log-stream:"+j.stream) {
		return
	}
	b.Logs.Put(f.logGroup, j.stream, lines...)
}

func (j *journal) close() {
	j.read()
	j.store(j.lines)
	_ = j.file.Close() // it is removed next
}
