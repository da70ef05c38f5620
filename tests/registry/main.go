// A schema registry in memory for the tests: `registry -httptest.serve=127.0.0.1:PORT`, with Confluent's API there.
// AUTHORIZATION in the environment is the header that it wants.
package main

import (
	"flag"
	"os"

	"github.com/twmb/franz-go/pkg/sr/srfake"
)

func main() {
	flag.Parse()
	if wanted := os.Getenv("AUTHORIZATION"); wanted != "" {
		srfake.New(srfake.WithAuth(wanted)) // the flag has it serve for ever
	}
	srfake.New()
}
