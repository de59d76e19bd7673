package sandbox

import (
	"encoding/json"
	"net/http"
)

// The paths under which the sandbox itself is asked and told things. AWS has
// none that begin so.
const (
	ControlHealth = "/_sandbox/health"
	ControlCalls  = "/_sandbox/calls"
	ControlFaults = "/_sandbox/faults"
	ControlOutbox = "/_sandbox/outbox" // a list of bus.Letter
)

// Health is what a sandbox says of itself.
type Health struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Timing  string `json:"timing"`
}

// CallCounts is the sandbox's count of calls.
type CallCounts struct {
	Mutating int            `json:"mutating"`
	Total    int            `json:"total"`
	ByCall   map[string]int `json:"by_call"`
}

// control serves the sandbox's own paths and leaves the rest to aws.
func (s *Sandbox) control(aws http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", aws)
	mux.HandleFunc("GET "+ControlHealth, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, Health{Account: s.bus.Account, Region: s.bus.Region, Timing: s.bus.Timing.Name})
	})
	mux.HandleFunc("GET "+ControlCalls, func(w http.ResponseWriter, _ *http.Request) {
		counts := CallCounts{Mutating: s.Calls.Mutating(), ByCall: map[string]int{}}
		for call, n := range s.Calls.Count() {
			counts.ByCall[call.String()] = n
			counts.Total += n
		}
		reply(w, counts)
	})
	mux.HandleFunc("DELETE "+ControlCalls, func(w http.ResponseWriter, _ *http.Request) {
		s.Calls.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET "+ControlOutbox, func(w http.ResponseWriter, _ *http.Request) { reply(w, s.bus.Outbox.Letters()) })
	mux.HandleFunc("GET "+ControlFaults, func(w http.ResponseWriter, _ *http.Request) { reply(w, s.Faults.List()) })
	mux.HandleFunc("POST "+ControlFaults, func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			http.Error(w, "fault: "+err.Error(), http.StatusBadRequest)
			return
		}
		s.Faults.Add(f)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE "+ControlFaults, func(w http.ResponseWriter, _ *http.Request) {
		s.Faults.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone when it fails
}
