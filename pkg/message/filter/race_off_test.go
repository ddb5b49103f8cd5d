//go:build !race

package filter_test

// underRace says that the race detector is on.
const underRace = false
