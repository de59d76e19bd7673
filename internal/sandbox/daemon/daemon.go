// Package daemon runs a sandbox as a process of its own: it serves one on
// loopback, leaves word of it in a private file, and finds, starts and stops
// it by that file. There is at most one sandbox to a folder.
//
// What the sandbox answers is not its business, and neither are the command's
// flags and words.
package daemon

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/ccs-platform/ccsctl/internal/fault"
	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// What a sandbox is when nothing else is asked for.
const (
	DefaultTiming = "fast"
	defaultAddr   = "127.0.0.1:0" // any free port
)

// Options say which sandbox is wanted. The zero value asks for nothing in
// particular: Serve fills in the defaults, and Start is content with whichever
// sandbox runs.
type Options struct {
	Dir     string // the private folder; "" is Dir()
	Addr    string // a loopback address and port; "" is 127.0.0.1 and any free port
	Timing  string // instant, fast or aws; "" is fast
	Region  string // "" is sandbox.Region
	Limits  bool   // refuse calls beyond AWS's documented rates
	Version string // of this binary

	// Handlers answers for functions in process, as that of sandbox.Options. By
	// Serve only; nil runs their code.
	Handlers func(environment map[string]string) (bus.Handler, error)

	// Ready is told, by Serve only, when the sandbox answers. May be nil.
	Ready func(Info)
}

// Info is what is known of a running sandbox.
type Info struct {
	URL     string    `json:"url"` // http://127.0.0.1:PORT
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Timing  string    `json:"timing"`
	Region  string    `json:"region"`
	Limits  bool      `json:"limits"`
	Account string    `json:"account"`
	Version string    `json:"version"`

	// Memory is what the Go runtime holds, in bytes: a little less than the
	// resident size of the process.
	Memory uint64 `json:"memory_bytes,omitempty"`
	// Mismatch says how a sandbox that Start found differs from the one asked
	// for ("timing aws, not fast"), "" when it doesn't.
	Mismatch string `json:"mismatch,omitempty"`
}

// check refuses what no sandbox can be, before anything is touched.
func (o Options) check() error {
	if o.Timing != "" {
		if _, err := bus.TimingNamed(o.Timing); err != nil {
			return fault.As(fault.Usage, err, "")
		}
	}
	if o.Addr == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return fault.As(fault.Usage, fmt.Errorf("address of the sandbox: %w", err), "give a loopback address and a port, such as "+defaultAddr)
	}
	if !loopback(host) {
		return fault.As(fault.Usage, fmt.Errorf("address of the sandbox: %q is not loopback", o.Addr), "give a loopback address and a port, such as "+defaultAddr)
	}
	return nil
}

// mismatch says how a running sandbox differs from what was asked for.
func (o Options) mismatch(running Info) string {
	var differ []string
	compare := func(what, asked, is string) {
		if asked != "" && asked != is {
			differ = append(differ, fmt.Sprintf("%s %s, not %s", what, is, asked))
		}
	}
	compare("timing", o.Timing, running.Timing)
	compare("region", o.Region, running.Region)
	compare("version", o.Version, running.Version)
	if o.Limits && !running.Limits {
		differ = append(differ, "no limits")
	}
	if _, port, _ := net.SplitHostPort(o.Addr); port != "" && port != "0" {
		compare("address", o.Addr, strings.TrimPrefix(running.URL, "http://"))
	}
	return strings.Join(differ, "; ")
}

// loopback says whether a host, without port, can only be this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// loopbackURL says whether a URL leads to this machine.
func loopbackURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "http" && loopback(u.Hostname())
}
