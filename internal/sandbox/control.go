package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
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

// Cleared is how many faults were ended.
type Cleared struct {
	Cleared int `json:"cleared"`
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
		f, err := readFault(http.MaxBytesReader(w, r.Body, 1<<16))
		if err == nil {
			err = s.serves(f.Service, f.Operation)
		}
		if err != nil {
			http.Error(w, "fault: "+err.Error(), http.StatusBadRequest)
			return
		}
		f.ID = s.Faults.Add(f)
		reply(w, f)
	})
	mux.HandleFunc("DELETE "+ControlFaults, func(w http.ResponseWriter, r *http.Request) {
		reply(w, Cleared{s.Faults.Clear(r.URL.Query()["id"]...)})
	})
	return mux
}

// readFault reads a fault as JSON, or as ParseFault does.
func readFault(from io.Reader) (f Fault, err error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return f, err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return ParseFault(string(text))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return f, err
	}
	return f, f.check()
}

// serves says what is wrong with the name of an operation. S3's requests carry
// no such names, and are not checked.
func (s *Sandbox) serves(service, operation string) error {
	if operation == "" || service == "" || service == "s3" || slices.Contains(s.operations[service], operation) {
		return nil
	}
	return fmt.Errorf("%s has no operation %q here%s", service, operation, meant(operation, s.operations[service]))
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone when it fails
}
