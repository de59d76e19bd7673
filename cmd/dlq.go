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

QUEUE is one of these names, with or without -dlq, or the queue's own in AWS.
On call, docs/runbooks/redrive.md goes from the alarm to the empty queue.`,
		Example: `  ccsctl dlq list -c streaming.tf                     what is there, and since when
  ccsctl dlq peek emergency -c streaming.tf           why it failed; takes nothing away`,
		Args: subcommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newDLQList(e), newDLQPeek(e), newDLQPurge(e), newDLQRedrive(e), newDLQStatus(e), newDLQCancel(e))
	return c
}

// newFilters is a help topic: cobra lists a command without Run apart.
func newFilters() *cobra.Command {
	return &cobra.Command{
		Use:   "filters",
		Short: "What --filter takes: how to choose dead letters",
		Long: `A filter is one expression; the messages for which it is true are chosen.

  body.type == "crash" && age > 2h && receives >= 3
  attr.ErrorCode == "500" or error contains "timeout"
  group =~ "^veh-1" and not exists(body.vehicle_id)
  body.type in ("crash", "sos") and sent < "2026-11-23T03:00:00Z"

Fields:

  body           the body as JSON; below it body.type, body.at.lat,
                 body.list[0], body["odd name"]
  text           the body as it is, JSON or not
  attr.NAME      a message attribute, also attr["NAME"]; names keep their case.
                 One of type Number compares with numbers and with texts
  error          what the message says of its failure, word for word: the
                 attributes ErrorMessage and the like, or the error that its
                 body tells of. 'dlq peek' groups by it and by more
  age            since it was sent. SQS starts anew when a message moves into a
                 FIFO queue, and goes on counting in a standard queue
  sent           when it was sent: a time in quotes, RFC 3339
  received       when it was first received
  receives       how often it was received; looking at it counts, too
  group          its message group, which is the vehicle
  id, source     its id; the ARN of the queue that it came from

Tests:

  ==  !=  <  <=  >  >=      with a text in quotes, a number, a time span (90s,
                            15m, 2h, 1h30m, 3d), true, false or null
  =~  !~                    with a pattern in quotes (RE2); (?i) ignores case
  contains                  a text within a text, or a value in a list
  in ("a", "b")             is one of these
  exists(FIELD)             is there, if only as null
  body.urgent               alone: is true
  and or not ( )            also && || !

A test has three outcomes. Where a message lacks the field, or has another type
there, it is neither true nor false but unknown, and so is its opposite: such a
message is never chosen by accident.

  filter                     body is {"speed":90}   {"speed":"90"}   {}
  body.speed > 50            chosen                 -                -
  not (body.speed > 50)      -                      -                -
  body.speed != 50           chosen                 -                -
  body.speed == "90"         -                      chosen           -
  body.speed == null         -                      -                -
  exists(body.speed)         chosen                 chosen           -
  not exists(body.speed)     -                      -                chosen

'or' is true when one side is, 'and' false when one side is; otherwise what is
unknown stays unknown. In the shell put the whole filter in single quotes.`,
	}
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
