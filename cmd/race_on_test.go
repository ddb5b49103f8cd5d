//go:build race

package cmd

// underRace says that the race detector is on.
const underRace = true
