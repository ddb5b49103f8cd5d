package main

import (
	"fmt"
	"io"
)

// report prints one line a measurement: what, the ratio or figure, its bound, whether it holds, and
// the absolute values.
type report struct {
	w      io.Writer
	missed int
}

func (r *report) heading(text string) { fmt.Fprintf(r.w, "\n%s\n", text) }

// note prints what is no figure.
func (r *report) note(text string) { fmt.Fprintf(r.w, "  note: %s\n", text) }

// atMost prints a figure that should not exceed bound.
func (r *report) atMost(what string, figure, bound float64, detail string) {
	verdict := "ok"
	if figure > bound {
		verdict = "MISSED"
		r.missed++
	}
	fmt.Fprintf(r.w, "  %-52s %7.2f  at most %6.2f  %-6s  %s\n", what, figure, bound, verdict, detail)
}

// atLeast prints a figure that should not fall short of bound.
func (r *report) atLeast(what string, figure, bound float64, detail string) {
	verdict := "ok"
	if figure < bound {
		verdict = "MISSED"
		r.missed++
	}
	fmt.Fprintf(r.w, "  %-52s %7.2f  at least %5.2f  %-6s  %s\n", what, figure, bound, verdict, detail)
}
