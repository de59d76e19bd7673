// Command bootstrap is the program inside the zip of the pipeline's Lambda
// functions. One program serves all three; the environment says which one it
// is. It is built without the rest of ccsctl and should stay small, because
// every cold start loads it.
package main

import (
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/ccs-platform/ccsctl/internal/functions/live"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	handler, err := live.New(live.Config(os.Getenv), os.Getenv, log)
	if err != nil {
		log.Error("cannot start", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(handler)
}
