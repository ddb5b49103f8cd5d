// Package diag holds the problems of a topology file. They are reported all at once, each with its
// position, the reason why it matters and the corrected text.
//
// Values are plain data. They are safe to copy and to share between goroutines once built.
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity reports whether a Diagnostic stops the command that found it.
type Severity string

const (
	// Error stops before anything is written.
	Error Severity = "error"
	// Warning is reported and does not stop.
	Warning Severity = "warning"
)

// Position is a place in a source file. Line and Column count from 1; Column counts runes. The zero
// Position is "nowhere": what is said has no place in a file.
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// IsZero reports whether p is the zero Position.
func (p Position) IsZero() bool { return p == Position{} }

// String returns file:line:column, without the parts that are unknown.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Diagnostic is one problem. Message is one lower-case sentence without a full stop that says what
// is wrong. Why (may be empty) says what would happen at run time. Fix (may be empty) is the
// corrected text or the command to type.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Position Position `json:"position,omitzero"`
	// Object names the topology object meant, as a person would: queue "orders" in vhost "/". Empty
	// for syntax.
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
	Why     string `json:"why,omitempty"`
	Fix     string `json:"fix,omitempty"`
	// Rule is the id of the lint rule that explains the problem; "" for what only makes sense where
	// it stands, like syntax.
	Rule string `json:"rule,omitempty"`
	// Part says which argument or field of Object is meant, by its name in the protocol or the
	// file; "" the whole.
	Part string `json:"-"`
	// Remedy is an option that helps besides Fix; "" for none.
	Remedy Remedy `json:"-"`
}

// Remedy is an option of what found a problem. A command line says by which flag it is set.
type Remedy string

// CreateVHost is to create a vhost that files use and do not declare.
const CreateVHost Remedy = "create vhost"

// Error returns the diagnostic on one line, position first: what a compiler would print.
func (d Diagnostic) Error() string {
	var b strings.Builder
	if !d.Position.IsZero() {
		b.WriteString(d.Position.String())
		b.WriteString(": ")
	}
	if d.Object != "" {
		b.WriteString(d.Object)
		b.WriteString(": ")
	}
	b.WriteString(d.Message)
	if d.Why != "" {
		b.WriteString("; ")
		b.WriteString(d.Why)
	}
	if d.Fix != "" {
		b.WriteString("; ")
		b.WriteString(d.Fix)
	}
	return b.String()
}

// Diagnostics is a list of problems. The nil list means that all is well.
type Diagnostics []Diagnostic

// HasErrors reports whether one of them is an Error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == Error })
}

// Errors counts those of severity Error.
func (ds Diagnostics) Errors() int {
	n := 0
	for _, d := range ds {
		if d.Severity == Error {
			n++
		}
	}
	return n
}

// Sort orders by file, line, column, then text, in place, so that output is stable.
func (ds Diagnostics) Sort() {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Position.File, b.Position.File), cmp.Compare(a.Position.Line, b.Position.Line),
			cmp.Compare(a.Position.Column, b.Position.Column), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Message,
				b.Message))
	})
}

// Err returns nil without errors, else the list as an error: one line each.
func (ds Diagnostics) Err() error {
	if !ds.HasErrors() {
		return nil
	}
	return ds
}

// Error joins all diagnostics, one a line.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.Error()
	}
	return strings.Join(lines, "\n")
}
