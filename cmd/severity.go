package cmd

import (
	"errors"

	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// never is the --fail-on that never fails.
const never = "never"

// severityFlag is --fail-on.
type severityFlag struct{ value string }

func severities() []string {
	return []string{string(lint.Error), string(lint.Warning), string(lint.Note), never}
}

// String, Set and Type make it a flag's value.
func (f *severityFlag) String() string { return f.value }

// Set takes a severity, or never.
func (f *severityFlag) Set(v string) error {
	for _, s := range severities() {
		if s == v {
			f.value = v
			return nil
		}
	}
	return errors.New("want error, warning, note, never")
}

// Type names the value in help.
func (f *severityFlag) Type() string { return "severity" }
