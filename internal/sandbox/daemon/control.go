package daemon

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"runtime/metrics"

	"github.com/ccs-platform/ccsctl/internal/sandbox"
)

// ControlStop is where a sandbox is told to end, by who knows its token.
const ControlStop = "/_sandbox/stop"

// The headers by which the two sides know one another.
const (
	challengeHeader = "Ccsctl-Challenge" // to health: anything unguessable
	tokenHeader     = "Ccsctl-Token"     // to stop: the record's token
)

// health is a sandbox's answer to who it is, in place of the handler's own.
type health struct {
	Info
	Proof string `json:"proof,omitempty"` // that it knows the token, without telling it
}

// proof answers a challenge. It shows that a process which listens at the
// record's address is the one that wrote the record, not one that came to the
// port later.
func proof(token, challenge string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(challenge))
	return hex.EncodeToString(mac.Sum(nil))
}

// control serves what a process adds to the sandbox's own control paths.
func control(us record, stop context.CancelFunc, aws http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", aws)
	mux.HandleFunc("GET "+sandbox.ControlHealth, func(w http.ResponseWriter, r *http.Request) {
		answer := health{Info: us.Info}
		answer.Memory = memory()
		if challenge := r.Header.Get(challengeHeader); challenge != "" {
			answer.Proof = proof(us.Token, challenge)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // the client is gone when it fails
	})
	mux.HandleFunc("POST "+ControlStop, func(w http.ResponseWriter, r *http.Request) {
		if !hmac.Equal([]byte(r.Header.Get(tokenHeader)), []byte(us.Token)) {
			http.Error(w, "only who can read the sandbox's record may stop it", http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		stop()
	})
	return mux
}

// memory is what the Go runtime has from the system and did not give back.
func memory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
