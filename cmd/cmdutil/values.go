package cmdutil

import (
	"errors"
	"time"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// DurationFlag is a duration that may be written in days.
type DurationFlag time.Duration

// String, Set and Type make it a flag's value.
func (v *DurationFlag) String() string {
	if *v == 0 {
		return ""
	}
	return time.Duration(*v).String()
}

// Set parses a duration greater than zero, with a unit.
func (v *DurationFlag) Set(s string) error {
	d, err := units.ParseDuration(s)
	if err != nil {
		return errors.New("want a duration such as 90s, 2h or 7d")
	}
	if d <= 0 {
		return errors.New("want a duration greater than zero: 90s, 2h or 7d")
	}
	*v = DurationFlag(d)
	return nil
}

// Type names the value in help.
func (v *DurationFlag) Type() string { return "duration" }

// Never is the value of --fail-on that never fails.
const Never = "never"

// SeverityFlag is --fail-on.
type SeverityFlag struct{ Value string }

// Severities are the values of --fail-on.
func Severities() []string {
	return []string{string(lint.Error), string(lint.Warning), string(lint.Note), Never}
}

// String, Set and Type make it a flag's value.
func (f *SeverityFlag) String() string { return f.Value }

// Set accepts a severity, or never.
func (f *SeverityFlag) Set(v string) error {
	for _, s := range Severities() {
		if s == v {
			f.Value = v
			return nil
		}
	}
	return errors.New("want error, warning, note, never")
}

// Type names the value in help.
func (f *SeverityFlag) Type() string { return "severity" }
