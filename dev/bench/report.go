package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// report prints one line per measurement: its name, the ratio or figure, the bound, whether it
// holds, and the absolute values.
type report struct {
	w      io.Writer
	missed int
}

func (r *report) heading(text string) { fmt.Fprintf(r.w, "\n%s\n", text) }

// note prints additional information that has no bound.
func (r *report) note(text string) { fmt.Fprintf(r.w, "  note: %s\n", text) }

// atMost prints a figure that should be at most bound.
func (r *report) atMost(what string, figure, bound float64, detail string) {
	verdict := "ok"
	if figure > bound {
		verdict = "MISSED"
		r.missed++
	}
	fmt.Fprintf(r.w, "  %-52s %7.2f  at most %6.2f  %-6s  %s\n", what, figure, bound, verdict, detail)
}

// atLeast prints a figure that should be at least bound.
func (r *report) atLeast(what string, figure, bound float64, detail string) {
	verdict := "ok"
	if figure < bound {
		verdict = "MISSED"
		r.missed++
	}
	fmt.Fprintf(r.w, "  %-52s %7.2f  at least %5.2f  %-6s  %s\n", what, figure, bound, verdict, detail)
}

// median returns the middle value of list, the upper one if the number of values is even.
func median[T ~int64](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// rates formats two durations for n messages as messages per second.
func rates(n int, a, b time.Duration) string {
	return fmt.Sprintf("%.0f / %.0f messages a second", float64(n)/a.Seconds(), float64(n)/b.Seconds())
}

func megabytes(kib int64) float64 { return float64(kib) * 1024 / 1e6 }
