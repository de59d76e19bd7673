package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/pipeline"
)

func newDLQ(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:     "dlq",
		Aliases: []string{"dead-letters"},
		Short:   "Dead letters: what failed, why, and back into the pipeline with it",
		Long: `What the pipeline could not process waits in a queue of dead letters:

  emergency        emergencies that the emergency function failed on, three times
  telemetry        alerts that the followup function failed on, three times
  stream-failures  notices of records that the ingest function failed on; the
                   records are in the stream until its retention ends

QUEUE is one of these names or the queue's own in AWS.`,
		Example: "  ccsctl dlq",
		Args:    subcommand,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	return c
}

// oneQueue is for a command about one queue of dead letters.
func oneQueue(c *cobra.Command, given []string) error {
	return fault.As(fault.Usage, cobra.ExactArgs(1)(c, given), "name a queue: emergency, telemetry or stream-failures; "+seeHelp(c))
}

// completeQueue offers the queues' names. They need no configuration, so that
// completion never waits.
func completeQueue(_ *cobra.Command, given []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []cobra.Completion{
		cobra.CompletionWithDesc("emergency", "emergencies that could not be told"),
		cobra.CompletionWithDesc("telemetry", "alerts that could not be told"),
		cobra.CompletionWithDesc("stream-failures", "records of the stream that could not be sorted"),
	}, cobra.ShellCompDirectiveNoFileComp
}

// deadLetters opens the session for a command about one queue. The name is
// looked up first, while nothing has been called.
func (e *env) deadLetters(ctx context.Context, name string) (*target, pipeline.DeadLetters, error) {
	c, err := e.config()
	if err != nil {
		return nil, pipeline.DeadLetters{}, err
	}
	if _, err := pipeline.New(pipeline.Settings{Config: c}).FindDeadLetters(name); err != nil {
		return nil, pipeline.DeadLetters{}, err
	}
	t, err := e.target(ctx, false)
	if err != nil {
		return nil, pipeline.DeadLetters{}, err
	}
	d, err := t.pipeline.FindDeadLetters(name)
	return t, d, err
}
