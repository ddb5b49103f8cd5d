package cmdmsg

import (
	"cmp"
	"slices"

	"github.com/msgctl/msgctl/pkg/event"
)

// EventProblem is one violation in a file.
type EventProblem struct {
	Line   int64 `json:"line"`
	Column int   `json:"column,omitempty"`
	event.Violation
}

// Located finds the positions of violations in a JSON text and sorts them by position.
func Located(text []byte, violations []event.Violation) (list []EventProblem) {
	for _, v := range violations {
		line, column := event.Locate(text, v.Pointer)
		list = append(list, EventProblem{Line: int64(line), Column: column, Violation: v})
	}
	slices.SortStableFunc(list, func(a, b EventProblem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return list
}
