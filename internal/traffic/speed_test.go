package traffic_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/stream"
	"github.com/ccs-platform/ccsctl/internal/traffic"
	"github.com/ccs-platform/ccsctl/internal/traffic/load"
)

// BenchmarkAccepted is how many events a second a stream of 50 shards accepts
// from the vehicles of this process: the shards' limit is 50,000.
func BenchmarkAccepted(b *testing.B) {
	for _, over := range []string{"in process", "over loopback"} {
		b.Run(over, func(b *testing.B) {
			s, cfg, to := newStream(b, 50)
			if over == "over loopback" {
				server := httptest.NewServer(s)
				defer server.Close()
				cfg.BaseEndpoint = &server.URL
				cfg.HTTPClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
				to = stream.NewWriter(cfg, "telemetry")
			}
			var accepted, second, throttled float64
			for b.Loop() {
				shape := must(load.Steady(56_000, 5*time.Second)) // what vehicles hash to is not even
				totals, err := traffic.Run(b.Context(), to, traffic.Options{
					Load: shape, Vehicles: 100_000, Room: 1_000_000,
					Observe: func(t traffic.Totals) {
						if t.Elapsed < shape.Length() {
							accepted, second, throttled = float64(t.Accepted), t.Elapsed.Seconds(), float64(t.Throttled)
						}
					},
				})
				if err != nil || totals.Lost > 0 {
					b.Fatalf("%+v, %v", totals, err)
				}
			}
			b.ReportMetric(accepted/second, "accepted/s")
			b.ReportMetric(throttled/second, "throttled/s")
		})
	}
}
