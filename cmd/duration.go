package cmd

import (
	"errors"
	"time"

	"github.com/msgctl/msgctl/internal/units"
)

// daysValue is a duration that may be written in days.
type daysValue time.Duration

// String, Set and Type make it a flag's value.
func (v *daysValue) String() string {
	if *v == 0 {
		return ""
	}
	return time.Duration(*v).String()
}

// Set reads more than no time, with units.
func (v *daysValue) Set(s string) error {
	d, err := units.ParseDuration(s)
	if err != nil {
		return errors.New("want 90s, 2h or 7d")
	}
	if d <= 0 {
		return errors.New("want more than no time: 90s, 2h or 7d")
	}
	*v = daysValue(d)
	return nil
}

// Type names the value in help.
func (v *daysValue) Type() string { return "duration" }
