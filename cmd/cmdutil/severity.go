package cmdutil

import (
	"errors"

	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// Never is the --fail-on that never fails.
const Never = "never"

// SeverityFlag is --fail-on.
type SeverityFlag struct{ Value string }

// Severities are the values of --fail-on.
func Severities() []string {
	return []string{string(lint.Error), string(lint.Warning), string(lint.Note), Never}
}

// String, Set and Type make it a flag's value.
func (f *SeverityFlag) String() string { return f.Value }

// Set takes a severity, or never.
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
