//go:build !race

package living_test

const underRace = false
