package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

const lakeCheck = "pyarrow reads what Firehose delivers"

// checkLake lets pyarrow read a data lake. The sandbox's own test fills it, by
// the sandbox's clock, so that no buffer has to be waited for.
func checkLake(ctx context.Context, w *world) error {
	program := w.host.python("python")
	if exec.CommandContext(ctx, program, "-c", "import pyarrow").Run() != nil {
		w.skip(lakeCheck, fmt.Sprintf("pyarrow: %v", errAbsent))
		return ctx.Err()
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-tags", "compat", "-count=1", "-run", "AnotherReader", "./internal/sandbox/firehose")
	cmd.Env = append(os.Environ(), "COMPAT_PYTHON="+program)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	w.check(lakeCheck, err)
	return nil
}
