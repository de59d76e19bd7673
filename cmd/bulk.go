package cmd

import (
	"os"
	"runtime/debug"
)

// bulk is for commands that move many records or messages: they make garbage
// quickly, keep little of it, and end soon. Collecting it a quarter as often
// takes a few dozen MB and gave twice the messages a second where the
// processors are the limit (BenchmarkRedrive with GOGC=100 and 400). What GOGC
// says goes before.
func bulk() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}
