package layout

import (
	"cmp"
	"math"
	"slices"
)

// aspect is how much wider than high a picture should be, roughly: a screen.
const aspect = 1.7

// pack puts boxes into rows, the high ones first, and returns the corner of each and the size of all.
func pack(boxes []Size) ([]Point, Size) {
	order := make([]int, len(boxes))
	area, widest := 0.0, 0.0
	for i, b := range boxes {
		order[i] = i
		area += (b.Width + partGap) * (b.Height + partGap)
		widest = max(widest, b.Width)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(boxes[b].Height, boxes[a].Height) })
	limit := max(widest, math.Sqrt(area*aspect))
	at := make([]Point, len(boxes))
	var size Size
	x, y, row := 0.0, 0.0, 0.0
	for _, i := range order {
		if x > 0 && x+boxes[i].Width > limit {
			x, y, row = 0, y+row+gapAfter(row), 0
		}
		at[i] = Point{x, y}
		x += boxes[i].Width + gapAfter(boxes[i].Height)
		row = max(row, boxes[i].Height)
		size = Size{max(size.Width, at[i].X+boxes[i].Width), max(size.Height, y+boxes[i].Height)}
	}
	return at, size
}

// gapAfter keeps single nodes close together, and large parts apart.
func gapAfter(height float64) float64 { return min(partGap, height/2) }
