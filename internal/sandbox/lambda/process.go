package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// mostInit is how long a function may take to start ("Understanding the Lambda
// execution environment lifecycle").
const mostInit = 10 * time.Second

// process is an environment that is a process, with Lambda's runtime API to
// itself ("Using the Lambda runtime API for custom runtimes"). Memory is not
// limited.
type process struct {
	home     *home
	function deployed
	dir      string
	log      *journal

	cmd    *exec.Cmd
	server *http.Server
	exited chan struct{}

	work    chan invocation // handed to the process when it asks
	answers chan answer
	ready   chan struct{} // closed when it asks for the first time
	first   sync.Once

	ending sync.Once
}

type answer struct {
	id      string // "" for a failed start
	payload []byte
	failed  bool
}

// launch starts a process. The error is the system's.
func (h *home) launch(f deployed, code, dir string) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &process{
		home: h, function: f, dir: dir, exited: make(chan struct{}),
		work: make(chan invocation), answers: make(chan answer, 1), ready: make(chan struct{}),
	}
	if p.log, err = openJournal(h.bus, f, filepath.Join(dir, "output")); err != nil {
		_ = listener.Close()
		return nil, err
	}
	p.cmd = exec.Command(filepath.Join(code, "bootstrap"))
	p.cmd.Dir, p.cmd.Env = code, p.variables(code, listener.Addr().String())
	p.cmd.Stdout, p.cmd.Stderr = p.log.file, p.log.file
	p.cmd.SysProcAttr = ownGroup()
	if err := p.cmd.Start(); err != nil {
		_, _ = listener.Close(), p.log.file.Close()
		return nil, err
	}
	p.server = &http.Server{Handler: p.api(), ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(listener) }() // until close
	go func() {
		_ = p.cmd.Wait() // the state is in ProcessState
		close(p.exited)
	}()
	return p, nil
}

// variables are the environment of the process: the function's own and those
// that Lambda sets.
func (p *process) variables(code, api string) []string {
	f, b := &p.function, p.home.bus
	all := map[string]string{
		"AWS_LAMBDA_RUNTIME_API": api, "AWS_LAMBDA_FUNCTION_NAME": f.name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(int(f.memory)), "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME": f.logGroup, "AWS_LAMBDA_LOG_STREAM_NAME": p.log.stream,
		"AWS_REGION": b.Region, "AWS_DEFAULT_REGION": b.Region,
		"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox", "AWS_SESSION_TOKEN": "sandbox",
		"_HANDLER": f.handler, "LAMBDA_TASK_ROOT": code, "LAMBDA_RUNTIME_DIR": code,
		"PATH": os.Getenv("PATH"), "LANG": "en_US.UTF-8", "TZ": ":UTC", "TMPDIR": p.dir,
	}
	if b.Endpoint != "" {
		all["AWS_ENDPOINT_URL"] = b.Endpoint
	}
	for name, value := range f.environment {
		all[name] = value
	}
	var list []string
	for name, value := range all {
		list = append(list, name+"="+value)
	}
	return list
}

// api is the runtime API of the one process.
func (p *process) api() http.Handler {
	mux := http.NewServeMux()
	const root = "/2018-06-01/runtime/"
	mux.HandleFunc("GET "+root+"invocation/next", p.next)
	mux.HandleFunc("POST "+root+"invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { p.answer(w, r, false) })
	mux.HandleFunc("POST "+root+"invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { p.answer(w, r, true) })
	mux.HandleFunc("POST "+root+"init/error", func(w http.ResponseWriter, r *http.Request) { p.answer(w, r, true) })
	return mux
}

func (p *process) next(w http.ResponseWriter, r *http.Request) {
	p.first.Do(func() { close(p.ready) })
	select {
	case in := <-p.work:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", in.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(p.function.timeout).UnixMilli(), 10))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", p.function.arn)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(in.payload) // the process is gone when it fails
	case <-r.Context().Done():
	}
}

func (p *process) answer(w http.ResponseWriter, r *http.Request, failed bool) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2*maxPayload))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	select {
	case p.answers <- answer{id: r.PathValue("id"), payload: payload, failed: failed}:
	default: // an answer that nobody waits for
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte(`{"status":"OK"}`))
}

func (p *process) invoke(ctx context.Context, in invocation) (outcome, bool, error) {
	late := time.NewTimer(mostInit)
	defer late.Stop()
	select {
	case <-p.ready:
	case <-p.exited:
		return p.exit(in), false, nil
	case <-late.C:
		return outcome{failure: timedOut(in.id, mostInit)}, false, nil
	case <-ctx.Done():
		return outcome{}, false, ctx.Err()
	}
	p.log.begin(in.id)
	began := time.Now()
	select {
	case p.work <- in:
	case <-p.exited: // it ended while it was idle
		return p.exit(in), false, nil
	case <-ctx.Done():
		return outcome{}, false, ctx.Err()
	}
	late.Reset(p.function.timeout)
	for {
		select {
		case a := <-p.answers:
			if a.id != in.id {
				continue // to an invocation before
			}
			out := outcome{payload: a.payload, log: p.log.end(in.id, time.Since(began))}
			if a.failed {
				out.payload, out.failure = nil, a.payload
			}
			return out, true, nil
		case <-p.exited:
			return p.exit(in), false, nil
		case <-late.C:
			p.kill()
			return outcome{failure: timedOut(in.id, p.function.timeout), log: p.log.end(in.id, p.function.timeout)}, false, nil
		case <-ctx.Done():
			p.kill()
			return outcome{}, false, ctx.Err()
		}
	}
}

// exit is the outcome of a process that ended by itself: what it said of a
// start that failed, or how it ended.
func (p *process) exit(in invocation) outcome {
	log := p.log.end(in.id, 0)
	select {
	case a := <-p.answers:
		if a.failed && a.id == "" && json.Valid(a.payload) {
			return outcome{failure: a.payload, log: log}
		}
	default:
	}
	how := "Runtime exited without providing a reason"
	if state := p.cmd.ProcessState; state != nil && !state.Success() {
		how = "Runtime exited with error: " + state.String()
	}
	return outcome{failure: failure("Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: %s", in.id, how)), log: log}
}

func (p *process) kill() { killGroup(p.cmd.Process) }

// close ends the process and all that it started, and removes what it wrote.
func (p *process) close() {
	p.ending.Do(func() {
		p.kill()
		<-p.exited
		_ = p.server.Close()
		p.log.close()
		_ = os.RemoveAll(p.dir)
		p.home.mu.Lock()
		delete(p.home.processes, p)
		p.home.mu.Unlock()
	})
}
