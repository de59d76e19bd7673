package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// works are goroutines that end with the sandbox.
type works = sync.WaitGroup

// deployed is a function as an environment needs to know it.
type deployed struct {
	name, arn   string
	role        string
	handler     string
	memory      int32
	timeout     time.Duration
	arch        types.Architecture
	environment map[string]string
	zip         []byte
	sha         string
	logGroup    string
	logFormat   types.LogFormat
}

func (f *function) deployed() deployed {
	c := &f.settings
	d := deployed{
		name: f.name, arn: *c.FunctionArn, role: *c.Role, handler: *c.Handler, memory: *c.MemorySize,
		timeout: time.Duration(*c.Timeout) * time.Second, arch: c.Architectures[0], zip: f.zip, sha: aws.ToString(c.CodeSha256),
		logGroup: *c.LoggingConfig.LogGroup, logFormat: c.LoggingConfig.LogFormat,
	}
	if c.Environment != nil {
		d.environment = maps.Clone(c.Environment.Variables)
	}
	return d
}

// home is where processes live: a private folder that is there for as long as
// the sandbox runs, in it the code of each version once, and a folder for what
// each process writes.
type home struct {
	bus *bus.Bus
	ctx context.Context // of the sandbox's run: processes end with it

	mu        sync.Mutex
	dir       string // "" until the first process
	codes     map[string]string
	processes map[*process]bool
	closed    bool
	count     int
}

func newHome(ctx context.Context, b *bus.Bus) *home {
	return &home{bus: b, ctx: ctx, codes: map[string]string{}, processes: map[*process]bool{}}
}

// close ends all processes and leaves nothing behind.
func (h *home) close() {
	h.mu.Lock()
	h.closed = true
	left := slices.Collect(maps.Keys(h.processes))
	h.mu.Unlock()
	for _, p := range left {
		p.close()
	}
	if h.dir != "" {
		_ = os.RemoveAll(h.dir) // what can't be removed is the system's to clear
	}
}

// start makes an environment for the function: a process that is already
// running but has not yet asked for work.
func (h *home) start(f deployed) (environment, []byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, nil, context.Canceled
	}
	code, err := h.unpack(f)
	if err != nil {
		return nil, nil, fmt.Errorf("unpack the code of %s: %w", f.name, err)
	}
	if text := unfit(code, f.arch); text != "" {
		return nil, failure("Runtime.InvalidEntrypoint", "RequestId: "+bus.NewUUID()+" Error: "+text), nil
	}
	h.count++
	dir := filepath.Join(h.dir, "process-"+strconv.Itoa(h.count))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, nil, err
	}
	p, err := h.launch(f, code, dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		text := strings.ReplaceAll(err.Error(), code, taskRoot)
		return nil, failure("Runtime.InvalidEntrypoint", "RequestId: "+bus.NewUUID()+" Error: "+text), nil
	}
	h.processes[p] = true
	return p, nil, nil
}

// taskRoot is where AWS unpacks the code, which its messages name.
const taskRoot = "/var/task"

// unfit says in AWS's words why the code can't start on the function's
// architecture (trap 34), "" when it may.
func unfit(code string, arch types.Architecture) string {
	program := filepath.Join(code, "bootstrap")
	if _, err := os.Stat(program); err != nil {
		return "Couldn't find valid bootstrap(s): [" + taskRoot + "/bootstrap /opt/bootstrap]"
	}
	f, err := elf.Open(program)
	if err != nil {
		return "" // a script, or nothing that starts, which shows then
	}
	defer f.Close()
	if want := map[types.Architecture]elf.Machine{types.ArchitectureArm64: elf.EM_AARCH64, types.ArchitectureX8664: elf.EM_X86_64}[arch]; f.Machine != want {
		return "fork/exec " + taskRoot + "/bootstrap: exec format error"
	}
	return ""
}

// unpack gives the folder with the function's code.
func (h *home) unpack(f deployed) (string, error) {
	if dir, ok := h.codes[f.sha]; ok {
		return dir, nil
	}
	if h.dir == "" {
		dir, err := os.MkdirTemp("", "ccsctl-lambda-")
		if err != nil {
			return "", err
		}
		h.dir = dir
	}
	dir := filepath.Join(h.dir, "code-"+strconv.Itoa(len(h.codes)+1))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir) // nothing in a zip gets out of it
	if err != nil {
		return "", err
	}
	defer root.Close()
	r, err := zip.NewReader(bytes.NewReader(f.zip), int64(len(f.zip)))
	if err != nil {
		return "", err
	}
	for _, entry := range r.File {
		if err := extract(root, entry); err != nil {
			return "", fmt.Errorf("%s: %w", entry.Name, err)
		}
	}
	h.codes[f.sha] = dir
	return dir, nil
}

func extract(root *os.Root, entry *zip.File) error {
	name := filepath.FromSlash(entry.Name)
	if entry.FileInfo().IsDir() {
		return root.MkdirAll(name, 0o700)
	}
	if !entry.Mode().IsRegular() {
		return nil // a link would lead elsewhere
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	from, err := entry.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, entry.Mode().Perm()&0o755|0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, io.LimitReader(from, maxUnzipped)); err != nil {
		_ = to.Close()
		return err
	}
	return to.Close()
}
