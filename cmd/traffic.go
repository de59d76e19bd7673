package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ccs-platform/ccsctl/internal/aws/apierr"
	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/traffic"
	"github.com/ccs-platform/ccsctl/internal/traffic/load"
)

type trafficOptions struct {
	rate, peak float64
	shape      string
	trace      string
	speed      float64
	length     time.Duration
	vehicles   int
	critical   share
	followUps  share
	garbled    int64
	seed       uint64
	patience   time.Duration

	given func(flag string) bool
}

func (o *trafficOptions) flags(f *pflag.FlagSet) {
	o.critical, o.followUps = 0.005, 0.02
	f.Float64Var(&o.rate, "rate", 1000, "offer this many `events` a second; with --trace, at its highest")
	f.StringVar(&o.shape, "shape", "steady", "how the rate goes: steady, ramp (from --rate to --peak) or surge (--peak in the middle third)")
	f.Float64Var(&o.peak, "peak", 0, "the highest `rate` of a ramp or a surge (three times --rate by default)")
	f.StringVar(&o.trace, "trace", "", "follow the load recorded in this CSV `file` (columns offset_s and records_per_s)")
	f.Float64Var(&o.speed, "speed", 1, "go through the trace so many `times` as fast")
	f.DurationVar(&o.length, "for", time.Minute, "send for this `time`, 0 until interrupted; a trace is sent whole by default")
	f.IntVar(&o.vehicles, "vehicles", traffic.DefaultVehicles, "simulate this `number` of vehicles")
	f.Var(&o.critical, "critical", "the `share` of events that are emergencies: they alert the authorities (none by default in an account)")
	f.Var(&o.followUps, "followups", "the `share` of events that tell owners and managers (none by default in an account)")
	f.Int64Var(&o.garbled, "garbled", 0, "this `number` of the events can be read by nobody")
	f.Uint64Var(&o.seed, "seed", 1, "what happens to the vehicles: the same `number`, the same day")
	f.DurationVar(&o.patience, "patience", traffic.DefaultPatience, "try an event again for this `time` before it counts as lost")
	o.given = f.Changed
}

// share is a part of a whole, given as 0.5% or 0.005.
type share float64

func (s share) String() string { return strconv.FormatFloat(float64(s)*100, 'f', -1, 64) + "%" }
func (s share) Type() string   { return "share" }

func (s *share) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return errors.New("want a share such as 0.5% or 0.005")
	}
	*s = share(v)
	return nil
}

func newTraffic(e *env) *cobra.Command {
	var o trafficOptions
	c := &cobra.Command{
		Use:   "traffic",
		Short: "Send telemetry as devices do",
		Long: `Simulates vehicles that send telemetry to the pipeline's stream: they drive, use
fuel, brake hard, and now and then have an emergency. What the stream refuses is
sent again with growing pauses, and only that. At the end every event is
accounted for:

  offered    that vehicles wanted to send
  accepted   that AWS has confirmed
  lost       given up after --patience, or because too many were waiting
  unsent     left behind by Ctrl-C or by an error
  throttled  answers that refused an event for its rate

offered = accepted + lost + unsent, always. Events come evenly, in slices of
20 ms. Those of one vehicle keep their order from call to call; within one call
Kinesis keeps none. An event whose confirmation got lost on the way is sent
again, and the stream may then hold it twice.

In an account this is the real stream: real functions run, the data lake keeps
what is sent, AWS charges for it. Emergencies and follow-ups, which alert people,
are sent there only when --critical and --followups ask for them; the command
says what will happen and asks.

Exit codes: 0 every event was accepted; 1 failed; 2 wrong usage or
configuration; 3 some events were lost; 4 not allowed; 130 interrupted.`,
		Example: `  ccsctl traffic --sandbox --rate 500 --for 30s
  ccsctl traffic --sandbox --shape surge --rate 5000 --peak 20000
  ccsctl traffic --sandbox --trace load.csv --speed 60
  ccsctl traffic --rate 10 --vehicles 5 --for 2m -e staging`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runTraffic(c.Context(), e, o) },
	}
	o.flags(c.Flags())
	return c
}

func runTraffic(ctx context.Context, e *env, o trafficOptions) error {
	bulk()
	shape, err := o.load()
	if err != nil {
		return fault.As(fault.Usage, err, "see 'ccsctl traffic --help'")
	}
	t, err := e.target(ctx, false)
	if err != nil {
		return err
	}
	if t.people() {
		o.spare()
	}
	run := traffic.Options{
		Load: shape, Vehicles: o.vehicles, Critical: float64(o.critical), FollowUps: float64(o.followUps),
		Garbled: o.garbled, Seed: o.seed, Patience: o.patience,
	}
	to := t.pipeline.Devices()
	shards, err := to.Shards(ctx)
	if err != nil {
		return noStream(t, err)
	}
	if most := float64(1000 * shards); shape.Peak() > most {
		e.console.Notef("the stream's %s take at most %s events a second: what is above is refused and sent again", count(shards, "shard"), thousands(int64(most)))
	}
	if t.people() {
		if err := e.askTraffic(ctx, t, o, shape); err != nil {
			return err
		}
	}
	live := newTrafficLine(e.console, shape, e.flags.quiet)
	run.Observe = live.show
	say := live.say
	e.say.Store(&say)
	totals, err := traffic.Run(ctx, to, run)
	e.say.Store(nil)
	live.end()
	return errors.Join(e.console.Print(newTrafficView(t, totals)), trafficErr(ctx, t, totals, err))
}

// load is what the flags say, checked as far as it can be without calls.
func (o *trafficOptions) load() (shape load.Load, err error) {
	switch {
	case !(o.rate > 0):
		return shape, fmt.Errorf("--rate %v: want more than 0", o.rate)
	case o.length < 0:
		return shape, fmt.Errorf("--for %v is less than nothing", o.length)
	case o.vehicles < 1:
		return shape, fmt.Errorf("--vehicles %d: want at least 1", o.vehicles)
	case o.patience <= 0:
		return shape, fmt.Errorf("--patience %v: want more than 0", o.patience)
	case o.trace != "" && (o.given("shape") || o.given("peak")):
		return shape, errors.New("--trace has a shape of its own")
	case o.trace == "" && o.given("speed"):
		return shape, errors.New("--speed is for --trace")
	case o.shape == "steady" && o.given("peak"):
		return shape, errors.New("--peak is for --shape ramp and surge")
	case o.shape != "steady" && o.length == 0:
		return shape, fmt.Errorf("--shape %s needs an end: give --for", o.shape)
	}
	peak := o.peak
	if !o.given("peak") {
		peak = 3 * o.rate
	}
	switch {
	case o.trace != "":
		shape, err = o.recorded()
	case o.shape == "steady":
		shape, err = load.Steady(o.rate, o.length)
	case o.shape == "ramp":
		shape, err = load.Ramp(o.rate, peak, o.length)
	case o.shape == "surge":
		shape, err = load.Surge(o.rate, peak, o.length)
	default:
		err = fmt.Errorf("no shape %q: want steady, ramp or surge", o.shape)
	}
	if err != nil {
		return shape, err
	}
	return shape, traffic.Options{Load: shape, Vehicles: o.vehicles, Critical: float64(o.critical), FollowUps: float64(o.followUps), Garbled: o.garbled}.Check()
}

func (o *trafficOptions) recorded() (load.Load, error) {
	file, err := os.Open(o.trace)
	if err != nil {
		return load.Load{}, err
	}
	defer file.Close()
	shape, err := load.Read(file)
	if err != nil {
		return shape, fmt.Errorf("%s: %w", o.trace, err)
	}
	if shape, err = shape.Faster(o.speed); err != nil {
		return shape, fmt.Errorf("--speed: %w", err)
	}
	if o.given("rate") {
		if shape, err = shape.Scaled(o.rate); err != nil {
			return shape, err
		}
	}
	if o.given("for") && o.length > 0 {
		shape = shape.First(o.length)
	}
	return shape, nil
}

// spare leaves out what alerts people unless it was asked for.
func (o *trafficOptions) spare() {
	if !o.given("critical") {
		o.critical = 0
	}
	if !o.given("followups") {
		o.followUps = 0
	}
}

// people reports whether there may be people at the other end: neither a sandbox
// nor anything else on this machine.
func (t *target) people() bool {
	if t.inSandbox() || isSandbox(t.session.Account) {
		return false
	}
	if t.session.Config.BaseEndpoint == nil {
		return true
	}
	u, err := url.Parse(*t.session.Config.BaseEndpoint)
	if err != nil {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback())
}

// putPrice is what AWS charges for a million records of at most 25 KB in
// us-east-1, in dollars ("Amazon Kinesis Data Streams pricing"). Other regions
// differ by little.
const putPrice = 0.014

// askTraffic says what traffic in an account does, and asks.
func (e *env) askTraffic(ctx context.Context, t *target, o trafficOptions, shape load.Load) error {
	e.console.Warnf("this is the stream that real devices use: simulated events (vehicles sim-000000 and up) go through the real functions and stay in the data lake")
	switch events := shape.Offered(shape.Length()); {
	case shape.Endless():
		e.console.Warnf("it sends %.0f events a second until it is interrupted, about $%.4f an hour for Kinesis alone; functions and delivery cost extra", o.rate, o.rate*3600/1e6*putPrice)
	default:
		e.console.Warnf("it sends %s events in %v, about $%.4f for Kinesis alone; functions and delivery cost extra", thousands(events), shape.Length(), float64(events)/1e6*putPrice)
	}
	if o.critical > 0 {
		e.console.Warnf("%v of them are emergencies: AUTHORITIES AND OWNERS ARE ALERTED as if they were real", o.critical)
	}
	if o.followUps > 0 {
		e.console.Warnf("%v of them tell owners and managers", o.followUps)
	}
	yes, err := e.console.Confirm(ctx, "Send them to "+t.place()+"?", "--yes")
	if err == nil && !yes {
		err = fault.As(fault.Interrupted, errDeclined, "")
	}
	return err
}

// noStream adds what builds one.
func noStream(t *target, err error) error {
	if !apierr.NotFound(err) {
		return fmt.Errorf("traffic: %w", err)
	}
	up := "ccsctl up"
	if t.inSandbox() {
		up += " --sandbox"
	}
	return fault.As(fault.Failed, fmt.Errorf("traffic: %w", err), fmt.Sprintf("'%s' builds the pipeline that events are sent to", up))
}

// trafficErr is the error of a run: what cut it short, or what got lost.
func trafficErr(ctx context.Context, t *target, totals traffic.Totals, err error) error {
	switch cause := cut(err, ctx); {
	case errors.Is(cause, errSignal):
		return fault.As(fault.Interrupted, fmt.Errorf("traffic: %w: %s not sent", cause, events(totals.Unsent)), "")
	case cause != nil:
		return fault.As(fault.Failed, fmt.Errorf("traffic: %w: %s not sent", cause, events(totals.Unsent)), "give --for in place of --timeout")
	case err != nil:
		return noStream(t, err)
	case totals.Lost > 0:
		return fault.As(fault.Partial, fmt.Errorf("traffic: %s of %s lost, the last for: %s", events(totals.Lost), thousands(totals.Offered), totals.Reason),
			"lower --rate, wait longer with --patience, or give the stream more shards")
	}
	return nil
}

func events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return thousands(n) + " events"
}

// thousands is a number as people read it: 1,234,567.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
