//go:build race

package living_test

// underRace says that everything takes ten times as long.
const underRace = true
