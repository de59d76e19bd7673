// Command ccsctl provisions, watches and repairs the CCS streaming pipeline on
// AWS, and carries a local sandbox to try all of it in.
package main

import (
	"os"

	"github.com/ccs-platform/ccsctl/cmd"
)

func main() { os.Exit(cmd.Main()) }
