package dlq

import "time"

// Hurry shortens the pauses of a run, for tests that break connections.
func Hurry(o *ReplayOptions) {
	t := hurried()
	o.timing = &t
}

// HurryPurge is Hurry for a purge.
func HurryPurge(o *PurgeOptions) {
	t := hurried()
	o.timing = &t
}

// HurryDrain is Hurry for a drain.
func HurryDrain(o *DrainOptions) {
	t := hurried()
	o.timing = &t
}

func hurried() timing {
	return timing{
		idle: 100 * time.Millisecond, stall: 5 * time.Second, returning: 20 * time.Second, grace: 10 * time.Second,
		delay: 200 * time.Millisecond, attempts: 30,
	}
}
