//go:build race

package pipeline_test

// underRace says that everything takes ten times as long.
const underRace = true
