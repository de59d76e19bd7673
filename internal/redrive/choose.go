package redrive

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/aws/queue"
	"github.com/ccs-platform/ccsctl/internal/fault"
)

// Engine is who moves the messages.
type Engine string

// The engines.
const (
	Auto   Engine = "auto"
	Native Engine = "native" // SQS itself
	Client Engine = "client" // this program
)

// Wish is what decides between the engines.
type Wish struct {
	Engine  Engine
	FIFO    bool // the order of groups is to be kept
	Sources int  // queues that have this one as their dead-letter queue
	To      bool // to a queue that is named
	// What only this program can do, by the names of the flags that ask for it.
	OnlyClient []string
	Rate       int
}

// Choose picks an engine and says why. A wish that the engine asked for can't
// fulfil is a fault of usage.
func Choose(w Wish) (e Engine, why string, err error) {
	var obstacles []string
	switch {
	case w.Sources == 0:
		obstacles = append(obstacles, "SQS moves only what a queue's own redrive policy put there")
	case len(w.OnlyClient) > 0:
		obstacles = append(obstacles, fmt.Sprintf("SQS's own task knows nothing of %s", strings.Join(w.OnlyClient, ", ")))
	case w.Rate > queue.MaxMoveRate:
		obstacles = append(obstacles, fmt.Sprintf("SQS's own task moves at most %d a second", queue.MaxMoveRate))
	}
	if w.Sources == 0 && !w.To {
		return "", "", fault.As(fault.Usage, errors.New("nothing says where the messages came from"), "name a queue with --to")
	}
	switch w.Engine {
	case Client:
		return Client, "as asked for", nil
	case Native:
		if len(obstacles) > 0 {
			return "", "", fault.As(fault.Usage, fmt.Errorf("--engine native: %s", obstacles[0]), "leave out --engine, or what it can't do")
		}
		return Native, "as asked for", nil
	case Auto, "":
	default:
		return "", "", fault.As(fault.Usage, fmt.Errorf("there is no engine %q", w.Engine), "one of auto, native, client")
	}
	switch {
	case len(obstacles) > 0:
		return Client, obstacles[0], nil
	case w.FIFO:
		return Client, "SQS's own task does not keep the order of a group", nil
	}
	return Native, "all messages go, in any order, which SQS does by itself, whatever becomes of this terminal", nil
}
