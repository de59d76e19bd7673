package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/sandbox"
	"github.com/ccs-platform/ccsctl/internal/sandbox/daemon"
)

func newSandboxFault(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "fault",
		Short: "Have the running sandbox go wrong, on request",
		Long: `A fault is what it is about, and what goes wrong there:

  kinesis:PutRecords throttle=20%         a share of the records is refused for its rate
  sqs error=5%                            a share of the calls fails inside AWS
  sns down                                every call, and what alarms and workflows publish
  latency=50ms                            every call takes longer
  lambda:Invoke code=AccessDeniedException status=403 message="no"
  function:emergency slow=2s              each invocation takes longer
  function:emergency fail=100%            a share of the invocations fails
  subscriber:email down                   nothing is delivered over a protocol,
  subscriber:http://127.0.0.1:9000/ down  to an endpoint, or
  subscriber:my-queue fail=50%            a share of it, to a queue or function

after=N lets so many by first, times=N ends it after so many. Throttled and
failed calls have the codes that AWS gives each service. Shares are thrown with
dice that fall the same in every sandbox. hold leaves calls without an answer,
mutating is about calls that change something only, *:NAME is the operation of
any service.`,
		Example: `  ccsctl sandbox fault add kinesis:PutRecords throttle=20%
  ccsctl sandbox fault list
  ccsctl sandbox fault clear`,
		Args: subcommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newFaultAdd(e), newFaultList(e), newFaultClear(e))
	return c
}

func newFaultAdd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "add SPEC...",
		Short: "Ask for a fault",
		Long: `Asks the running sandbox for one more fault and prints its id, which 'fault
clear' takes. 'ccsctl sandbox fault --help' shows what can be asked for.

Exit codes: 0 it is in force; 1 failed; 2 the sandbox knows no such fault; 8 no
sandbox is running.`,
		Example: `  ccsctl sandbox fault add function:emergency slow=2s
  ccsctl sandbox fault add subscriber:email down`,
		Args: usage(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, words []string) error {
			spec := strings.Join(words, " ")
			if _, err := parseFaults([]string{spec}); err != nil {
				return err
			}
			url, err := runningSandbox(c.Context())
			if err != nil {
				return err
			}
			f, err := addFault(c.Context(), url, spec)
			if err != nil {
				return err
			}
			return e.console.Print(newFaultsView(f))
		},
	}
}

func newFaultList(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Show the faults in force, and how often each was met",
		Long:    "Prints the running sandbox's faults. Exit codes: 0 printed, also when there are none; 8 no sandbox is running.",
		Example: "  ccsctl sandbox fault list -o json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			url, err := runningSandbox(c.Context())
			if err != nil {
				return err
			}
			var faults []sandbox.Fault
			if err := control(c.Context(), http.MethodGet, url+sandbox.ControlFaults, "", &faults); err != nil {
				return err
			}
			if len(faults) == 0 {
				e.console.Notef("no faults: everything goes as well as it can")
			}
			return e.console.Print(newFaultsView(faults...))
		},
	}
}

func newFaultClear(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "clear [ID...]",
		Short:   "End faults, all of them or those named",
		Long:    "Ends the faults of the given ids, all when none is given. Exit codes: 0 they are over; 1 an id is not in force; 8 no sandbox is running.",
		Example: "  ccsctl sandbox fault clear\n  ccsctl sandbox fault clear 2",
		RunE: func(c *cobra.Command, ids []string) error {
			at, err := runningSandbox(c.Context())
			if err != nil {
				return err
			}
			var out sandbox.Cleared
			if err := control(c.Context(), http.MethodDelete, at+sandbox.ControlFaults+"?"+url.Values{"id": ids}.Encode(), "", &out); err != nil {
				return err
			}
			e.console.Notef("%s ended", count(out.Cleared, "fault"))
			if out.Cleared < len(ids) {
				return fault.As(fault.Failed, fmt.Errorf("%d of the faults %s were not in force", len(ids)-out.Cleared, strings.Join(ids, ", ")), "'ccsctl sandbox fault list' shows those that are")
			}
			return nil
		},
	}
}

// faultsView are faults in force.
type faultsView struct {
	Faults []faultView `json:"faults"`
}

type faultView struct {
	ID    string `json:"id"`
	Fault string `json:"fault"`
	Met   int    `json:"met"`
	Held  int    `json:"held"`
}

func newFaultsView(faults ...sandbox.Fault) faultsView {
	v := faultsView{Faults: []faultView{}}
	for _, f := range faults {
		v.Faults = append(v.Faults, faultView{ID: f.ID, Fault: f.String(), Met: f.Met, Held: f.Held})
	}
	return v
}

func (v faultsView) Header() []string { return []string{"id", "fault", "met"} }

func (v faultsView) Rows() [][]string {
	var rows [][]string
	for _, f := range v.Faults {
		rows = append(rows, []string{f.ID, f.Fault, fmt.Sprint(f.Met)})
	}
	return rows
}

// Items are the faults, for NDJSON.
func (v faultsView) Items() []any {
	var items []any
	for _, f := range v.Faults {
		items = append(items, f)
	}
	return items
}

// parseFaults reads faults before anything is started or changed.
func parseFaults(specs []string) (faults []sandbox.Fault, err error) {
	for _, spec := range specs {
		f, err := sandbox.ParseFault(spec)
		if err != nil {
			return nil, fault.As(fault.Usage, fmt.Errorf("fault: %w", err), "'ccsctl sandbox fault --help' shows what can be asked for")
		}
		faults = append(faults, f)
	}
	return faults, nil
}

func addFault(ctx context.Context, url, spec string) (f sandbox.Fault, err error) {
	err = control(ctx, http.MethodPost, url+sandbox.ControlFaults, spec, &f)
	return f, err
}

// runningSandbox is where it answers.
func runningSandbox(ctx context.Context) (url string, err error) {
	info, ok, err := daemon.Find(ctx, daemon.Dir())
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	if !ok {
		return "", fault.As(fault.Pending, errors.New("no sandbox is running"), "'ccsctl sandbox start' starts one, and so does --sandbox")
	}
	return info.URL, nil
}

// control asks the sandbox itself. What it does not take is the asker's mistake.
func control(ctx context.Context, method, url, body string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return fmt.Errorf("sandbox: %w", err)
	case res.StatusCode == http.StatusBadRequest:
		return fault.As(fault.Usage, errors.New(string(bytes.TrimSpace(text))), "'ccsctl sandbox fault --help' shows what can be asked for")
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("sandbox: %s: %s", res.Status, bytes.TrimSpace(text))
	}
	return json.Unmarshal(text, into)
}
