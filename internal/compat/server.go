package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/config"
)

// The world that every server is told to be.
const (
	account = "000000000000"
	region  = "eu-west-1"
)

// readyWithin bounds a server's start. Python takes its time on a busy machine.
const readyWithin = 60 * time.Second

// host is where things are on this machine.
type host struct {
	work   string // what .ci/compat installed
	state  string // what this run writes
	assets string // what is given to Node and Python
	file   string // the configuration of every run
	config *config.Config
}

func (h *host) ccsctl() string { return filepath.Join(h.work, "ccsctl") }

func (h *host) python(program string) string { return filepath.Join(h.work, "venv", "bin", program) }

func (h *host) node(pkg string) string { return filepath.Join(h.work, "npm", "node_modules", pkg) }

// errAbsent is the failure to start what is not installed.
var errAbsent = errors.New("not installed")

// server is a running emulator.
type server struct {
	url  string
	stop func()
	pid  int
}

// emulator says how to start one: on which port, from where.
type emulator func(h *host, port int) *exec.Cmd

func emulators() map[string]emulator {
	return map[string]emulator{
		"moto": func(h *host, port int) *exec.Cmd {
			c := exec.Command(h.python("moto_server"), "-H", "127.0.0.1", "-p", strconv.Itoa(port))
			c.Env = append(os.Environ(), "MOTO_ACCOUNT_ID="+account, "DOCKER_HOST=tcp://127.0.0.1:9") // no functions: not every machine could
			return c
		},
		// It binds to all addresses and can't be told otherwise but by Node. It
		// reads its certificate from its own folder, and listens with TLS too.
		"kinesis-local": func(h *host, port int) *exec.Cmd {
			c := exec.Command("node", "--require", filepath.Join(h.assets, "loopback.cjs"), "main.js")
			c.Dir = h.node("kinesis-local")
			c.Env = append(os.Environ(), "KINESIS_MOCK_PLAIN_PORT="+strconv.Itoa(port), "KINESIS_MOCK_TLS_PORT=0", "AWS_ACCOUNT_ID="+account, "SHARD_LIMIT=1000")
			return c
		},
		// The same, and it needs a newer Node than most have.
		"fauxqs": func(h *host, port int) *exec.Cmd {
			c := exec.Command(filepath.Join(h.node("node"), "bin", "node"), "--require", filepath.Join(h.assets, "loopback.cjs"),
				filepath.Join("dist", "cli.js"))
			c.Dir = h.node("fauxqs")
			c.Env = append(os.Environ(), "FAUXQS_PORT="+strconv.Itoa(port), "FAUXQS_DEFAULT_REGION="+region)
			return c
		},
	}
}

// start starts an emulator and waits until it answers. The failure is errAbsent
// when it is not there to be started.
func (h *host) start(ctx context.Context, name string) (*server, error) {
	if name == "sandbox" {
		return h.startSandbox(ctx)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	c := emulators()[name](h, port)
	if _, err := exec.LookPath(c.Path); err != nil {
		return nil, fmt.Errorf("%s: %w", name, errAbsent)
	}
	if c.Dir != "" {
		if _, err := os.Stat(c.Dir); err != nil {
			return nil, fmt.Errorf("%s: %w", name, errAbsent)
		}
	}
	log, err := os.OpenFile(filepath.Join(h.state, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	dead := make(chan struct{})
	go func() {
		_ = c.Wait() // how it ends is of no interest: it is killed
		close(dead)
	}()
	s := &server{url: fmt.Sprintf("http://127.0.0.1:%d", port), pid: c.Process.Pid, stop: func() {
		_ = c.Process.Kill() // fails only when it is dead already
		<-dead
	}}
	err = answers(ctx, s.url, dead)
	if err == nil && name == "moto" {
		err = executeWorkflows(ctx, s.url)
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%s: %w: see %s", name, err, log.Name())
	}
	return s, nil
}

// executeWorkflows makes moto run the executions of Step Functions, which it
// only keeps otherwise ("Step Functions", moto's documentation).
func executeWorkflows(ctx context.Context, url string) error {
	const setting = `{"stepfunctions": {"execute_state_machine": true}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/moto-api/config", strings.NewReader(setting))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("to execute workflows is refused: %s", resp.Status)
	}
	return nil
}

// startSandbox starts ours as a person would.
func (h *host) startSandbox(ctx context.Context) (*server, error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	out, err := exec.CommandContext(ctx, h.ccsctl(), "sandbox", "start", "--timing", "instant", "--region", region, "-o", "json").Output()
	if err != nil {
		return nil, fmt.Errorf("sandbox start: %w: %s", err, stderr(err))
	}
	var info struct {
		URL string `json:"url"`
		PID int    `json:"pid"`
	}
	if err := json.Unmarshal(out, &info); err != nil {
		return nil, fmt.Errorf("sandbox start: %w", err)
	}
	return &server{url: info.URL, pid: info.PID, stop: func() {
		_ = exec.Command(h.ccsctl(), "sandbox", "stop").Run() // it ends by itself when it can't be told
	}}, nil
}

func stderr(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(bytes.TrimSpace(exit.Stderr))
	}
	return ""
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// answers waits until something that speaks HTTP listens.
func answers(ctx context.Context, url string, dead <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, errors.New("does not answer"))
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-dead:
			return errors.New("ended at once")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// loopbackOnly fails when the process listens on anything but this machine. It
// reads what Linux tells of processes; elsewhere it can't know.
func (s *server) loopbackOnly() error {
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.pid))
	if err != nil || len(fds) == 0 {
		return fmt.Errorf("no list of what process %d has open", s.pid)
	}
	own := map[string]bool{}
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil { // it may be closed since
			own[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
		}
	}
	listening := 0
	for _, file := range []string{"tcp", "tcp6"} {
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", s.pid, file))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(table)) {
			f := strings.Fields(line)
			const listen = "0A"
			if len(f) < 10 || f[3] != listen || !own[f[9]] {
				continue
			}
			listening++
			if addr, _, _ := strings.Cut(f[1], ":"); addr != "0100007F" && addr != "00000000000000000000000001000000" {
				return fmt.Errorf("listens on %s", f[1])
			}
		}
	}
	if listening == 0 {
		return errors.New("listens on nothing")
	}
	return nil
}
