package cmd_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ccs-platform/ccsctl/cmd"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ccsctl":    func() { os.Exit(cmd.Main()) },
		"interrupt": interrupt,
	})
}

// TestScripts runs the end-to-end scripts of testdata/script with the real
// program, each against a sandbox of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   filepath.Join("testdata", "script"),
		Setup: setup,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "fault": setFault, "counted": counted, "events": events,
			"drift": drift, "drifted": drifted, "theirs": theirs, "trap": trap, "letters": letters, "queued": queued, "tlsproxy": tlsProxy,
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// setup gives a script a sandbox of its own, which ends with it, and what it
// takes to build the functions.
func setup(env *testscript.Env) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	env.Setenv("CCSCTL_SANDBOX_DIR", filepath.Join(env.WorkDir, ".sandbox"))
	env.Setenv("CCSCTL_STATE_DIR", filepath.Join(env.WorkDir, ".state"))
	env.Setenv("CCSCTL_CACHE_DIR", filepath.Join(cache, "ccsctl")) // the functions are built once, not once a script
	env.Setenv("GORACE", "atexit_sleep_ms=0")
	env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, name := range []string{"GOPATH", "GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY"} {
		if v := goenv(name); v != "" {
			env.Setenv(name, v)
		}
	}
	env.Defer(func() { stopSandbox(env) })
	return nil
}

// goenv is a setting of the Go toolchain, which the functions are built with:
// scripts have a home of their own.
func goenv(name string) string {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return ""
	}
	return string(out[:max(len(out)-1, 0)])
}

// stopSandbox ends the sandbox that a script may have left behind.
func stopSandbox(env *testscript.Env) {
	stop := exec.Command("ccsctl", "sandbox", "stop")
	stop.Env = env.Vars
	for _, v := range env.Vars {
		if dir, ok := strings.CutPrefix(v, "PATH="); ok {
			for _, d := range filepath.SplitList(dir) {
				if p := filepath.Join(d, "ccsctl"); exists(p) {
					stop.Path, stop.Err = p, nil
				}
			}
		}
	}
	_ = stop.Run() // most scripts have stopped it, or never started one
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// exits runs a command that must end with the given exit code:
//
//	exits 2 ccsctl up --output nonsense
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGS...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if got != want {
		ts.Fatalf("%v: exit code %d, want %d", args[1:], got, want)
	}
}
