package cmd

import (
	"cmp"
	"slices"

	"github.com/msgctl/msgctl/pkg/event"
)

// eventProblem is one violation in a file.
type eventProblem struct {
	Line   int64 `json:"line"`
	Column int   `json:"column,omitempty"`
	event.Violation
}

// located finds where violations are in a JSON text, and puts them in the order of the text.
func located(text []byte, violations []event.Violation) (list []eventProblem) {
	for _, v := range violations {
		line, column := event.Locate(text, v.Pointer)
		list = append(list, eventProblem{Line: int64(line), Column: column, Violation: v})
	}
	slices.SortStableFunc(list, func(a, b eventProblem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return list
}
