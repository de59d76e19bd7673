package stream

// Steps are the resizes that lead from one number of shards to another, each
// within what AWS takes at a time: no more than double, no less than half
// (API ref UpdateShardCount). There are as few as can be, none when the numbers
// are equal, and the last is to. Both numbers must be positive.
func Steps(from, to int) []int {
	var steps []int
	for from != to {
		if to > from {
			from = min(to, 2*from)
		} else {
			from = max(to, (from+1)/2)
		}
		steps = append(steps, from)
	}
	return steps
}
