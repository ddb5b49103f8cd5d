package checks

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// RouteText writes the route of a message as a tree, with the rule of every hop, then the queues in
// which it ends. Lines are wrapped to width columns; 0 means no limit.
func RouteText(w io.Writer, t *route.Trace, style terminal.Styler, width int) error {
	v := routeWriter{style: style, width: width}
	v.line(v.style.Bold, publicationText(t.Publication))
	if t.Refused != "" {
		v.line(v.style.Red, t.Refused)
	}
	if t.Root != nil {
		v.tree(t.Root, "", "")
	}
	for _, f := range t.DeadLetterings {
		v.out.WriteByte('\n')
		v.death(f)
	}
	v.out.WriteByte('\n')
	v.outcomes(t)
	if _, err := io.WriteString(w, v.out.String()); err != nil {
		return fmt.Errorf("write the route: %w", err)
	}
	return nil
}

type routeWriter struct {
	out   strings.Builder
	style terminal.Styler
	width int
}

// piece is a part of a line that is kept on one line if it fits. gap separates it from the
// preceding piece on the line.
type piece struct {
	gap, text string
	paint     func(string) string
}

// line writes a line in one style.
func (v *routeWriter) line(paint func(string) string, text string) {
	v.pieces("", "  ", piece{text: text, paint: paint})
}

// leastRoom is the minimum number of columns for a text, at any depth of the tree.
const leastRoom = 12

// pieces writes a line that begins with first. If it is wrapped, further lines begin with rest.
func (v *routeWriter) pieces(first, rest string, list ...piece) {
	width := v.width
	if width <= 0 {
		width = math.MaxInt
	}
	v.out.WriteString(first)
	column, indent := terminal.Width(first), terminal.Width(rest)
	for i, p := range list {
		text := terminal.Neutralise(p.text)
		room := width - column - len(p.gap)
		if i > 0 && room < terminal.Width(text) {
			v.out.WriteString("\n" + rest)
			column, room = indent, width-indent
		} else {
			v.out.WriteString(p.gap)
			column += len(p.gap)
		}
		room = max(min(room, width-indent), leastRoom)
		for k, part := range terminal.Wrap(text, room) {
			if k > 0 {
				v.out.WriteString("\n" + rest)
				column = indent
			}
			v.out.WriteString(p.paint(part))
			column += terminal.Width(part)
		}
	}
	v.out.WriteByte('\n')
}

func publicationText(p route.Publication) string {
	s := fmt.Sprintf("published to %s with key %q", route.NameOf(p.Exchange), p.Key)
	if len(p.CC) > 0 {
		s += fmt.Sprintf(", CC %q", p.CC)
	}
	if len(p.BCC) > 0 {
		s += fmt.Sprintf(", BCC %q", p.BCC)
	}
	if len(p.Headers) > 0 {
		s += ", headers " + p.Headers.Canonical()
	}
	return s
}

// tree writes a hop and the hops that follow it. The line of the hop begins with first, the lines
// of the hops that follow begin with rest.
func (v *routeWriter) tree(h *route.Hop, first, rest string) {
	more := rest + "  "
	if len(h.Next) > 0 {
		more = rest + "│ "
	}
	v.pieces(first, more, v.hop(h)...)
	for i, next := range h.Next {
		if i == len(h.Next)-1 {
			v.tree(next, rest+"└─ ", rest+"   ")
		} else {
			v.tree(next, rest+"├─ ", rest+"│  ")
		}
	}
}

func (v *routeWriter) hop(h *route.Hop) []piece {
	name := piece{text: route.NameOf(h.Name), paint: render.Plain}
	if h.Kind == topology.KindQueue {
		name = piece{text: h.Name, paint: v.style.Green}
		if h.Ends != "" {
			name.paint = v.style.Red
		}
	}
	list := []piece{name}
	add := func(gap, text string, paint func(string) string) { list = append(list, piece{gap, text, paint}) }
	if h.Type != "" && h.Name != "" {
		add(" ", "("+h.Type+")", v.style.Dim)
	}
	if h.Rule != "" {
		add("  ", h.Rule, v.style.Dim)
	}
	if h.Choice != route.All {
		add("  ", string(h.Choice)+":", v.style.Yellow)
	}
	if h.Again && h.Kind == topology.KindQueue {
		add("  ", "(one copy only)", v.style.Dim)
	} else if h.Again {
		add("  ", "(see above)", v.style.Dim)
	}
	if h.Ends != "" {
		add("  ", h.Ends, v.style.Red)
	}
	if h.Unsure != "" {
		add("  ", "unsure: "+h.Unsure, v.style.Yellow)
	}
	return list
}

func (v *routeWriter) death(f *route.DeadLettering) {
	head := reasonText(f.Reason) + " in " + f.Queue
	if f.Wait {
		head = fmt.Sprintf("waits in %s for %s, and expires", f.Queue, time.Duration(f.After)*time.Millisecond)
	}
	v.line(v.style.Bold, "then "+head)
	if f.Unsure != "" {
		v.line(v.style.Yellow, "unsure: "+f.Unsure)
	}
	if f.Root != nil {
		v.tree(f.Root, "dead-letter exchange ", "")
		key := "its own keys"
		if f.Key != nil {
			key = fmt.Sprintf("key %q", *f.Key)
		}
		v.line(v.style.Dim, fmt.Sprintf("set by %s; %s", f.Rule, key))
	}
	if f.Why != "" {
		v.line(v.style.Red, string(f.Outcome)+": "+f.Why)
	}
}

func reasonText(r route.Reason) string {
	switch r {
	case route.MaxLength:
		return "pushed out by overflow"
	case route.DeliveryLimit:
		return "returned until the delivery limit"
	}
	return string(r)
}

func (v *routeWriter) outcomes(t *route.Trace) {
	for i, w := range t.Placements {
		prefix := ""
		if len(t.Placements) > 1 {
			prefix = "or "
			if i == 0 {
				prefix = "either "
				if t.Open {
					prefix = "at most "
				}
			} else if t.Open {
				prefix = "at least "
			}
		}
		v.outcome(prefix, w)
	}
	for _, why := range t.Unsure() {
		v.line(v.style.Yellow, "unsure: "+why)
	}
}

func (v *routeWriter) outcome(prefix string, w route.Placement) {
	if len(w) == 0 {
		v.line(v.style.Red, prefix+"lost: no queue has the message")
		return
	}
	var names []piece
	for i, c := range w {
		name := c.Queue
		if c.Kept {
			name += " (kept inside, until its dead-letter exchange leads to a queue)"
		}
		if i < len(w)-1 {
			name += ","
		}
		names = append(names, piece{" ", name, v.style.Green})
	}
	v.pieces(prefix+"rests in", "  ", names...)
}
