package bus

import "time"

// Trouble is what was asked to go wrong within services, where no call of theirs
// tells.
type Trouble interface {
	// Throttles reports whether a record that is put by this operation of
	// Kinesis is to be refused for its rate.
	Throttles(operation string) bool
	// Invocation is how much longer a function, by its name, takes this time,
	// and whether it fails.
	Invocation(function string) (slow time.Duration, fails bool)
	// Delivery says why SNS can't reach a subscriber just now, nil when it can.
	Delivery(protocol, endpoint, subscription string) error
}
