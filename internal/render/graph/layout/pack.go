package layout

import (
	"cmp"
	"math"
	"slices"
)

// aspect is the approximate ratio of width to height of a picture, as for a screen.
const aspect = 1.7

// pack places boxes, the tallest first, each as far up as it fits. It returns the top left corner
// of each box and the total size.
func pack(boxes []Size) ([]Point, Size) {
	order := make([]int, len(boxes))
	area, widest := 0.0, 0.0
	for i, b := range boxes {
		order[i] = i
		area += (b.Width + partGap) * (b.Height + partGap)
		widest = max(widest, b.Width)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(boxes[b].Height, boxes[a].Height) })
	line := skyline{{x: 0, width: max(widest, math.Sqrt(area*aspect)) + partGap}}
	at := make([]Point, len(boxes))
	var size Size
	for _, i := range order {
		room := Size{boxes[i].Width + partGap, boxes[i].Height + gapAfter(boxes[i].Height)}
		at[i] = line.take(room)
		size = Size{max(size.Width, at[i].X+boxes[i].Width), max(size.Height, at[i].Y+boxes[i].Height)}
	}
	return at, size
}

// gapAfter returns the gap after a part: single nodes are close together, large parts are farther
// apart.
func gapAfter(height float64) float64 { return min(partGap, height/2) }

// skyline is the lower edge of the placed boxes: stretches from left to right, each free from y
// downwards.
type skyline []stretch

type stretch struct{ x, width, y float64 }

// take finds the highest place for a box, the leftmost if there are several, and fills it.
func (s *skyline) take(box Size) Point {
	best, at := -1, Point{Y: math.Inf(1)}
	for i := range *s {
		if y, ok := s.fits(i, box.Width); ok && y < at.Y {
			best, at = i, Point{(*s)[i].x, y}
		}
	}
	if best < 0 { // wider than all: below everything
		best, at = 0, Point{}
		for _, step := range *s {
			at.Y = max(at.Y, step.y)
		}
	}
	s.fill(best, stretch{at.X, box.Width, at.Y + box.Height})
	return at
}

// fits returns the highest position of a box of that width whose left edge is at stretch i. It
// returns false if the box is too wide to fit there.
func (s *skyline) fits(i int, width float64) (y float64, ok bool) {
	const tiny = 1e-6
	for left := width; left > tiny; i++ {
		if i == len(*s) {
			return 0, false
		}
		y, left = max(y, (*s)[i].y), left-(*s)[i].width
	}
	return y, true
}

func (s *skyline) fill(i int, step stretch) {
	rest := slices.Clone((*s)[i:])
	*s = append((*s)[:i:i], step)
	end := step.x + step.width
	for _, r := range rest {
		if over := end - r.x; over > 0 {
			r.x, r.width = end, r.width-over
		}
		if r.width > 0 {
			*s = append(*s, r)
		}
	}
}
