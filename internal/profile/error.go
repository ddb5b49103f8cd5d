package profile

import "fmt"

// Error is a fault in the settings, with the setting it was found in and what to type instead.
type Error struct {
	Setting string // "flag --url", "environment MSGCTL_URL", "context staging: url"; "" when it is none of them
	Problem string // never holds a password
	Advice  string // may be empty
}

// Error names the setting and the problem.
func (e *Error) Error() string {
	if e.Setting == "" {
		return e.Problem
	}
	return e.Setting + ": " + e.Problem
}

// Hint is what to do about it.
func (e *Error) Hint() string { return e.Advice }

func problem(advice, format string, args ...any) *Error {
	return &Error{Problem: fmt.Sprintf(format, args...), Advice: advice}
}

// in names the setting of an error that does not know it yet.
func (e *Error) in(setting string) *Error {
	e.Setting = setting
	return e
}
