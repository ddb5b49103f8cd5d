//go:build !race

package cmdtest

// UnderRace reports whether the race detector is on.
const UnderRace = false
