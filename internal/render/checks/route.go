package checks

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// RouteText writes the route of a message as a tree, with the rule of every hop, then the queues
// that it ends in.
func RouteText(w io.Writer, t *route.Trace, style terminal.Styler) error {
	v := routeWriter{style: style}
	v.line("%s", v.style.Bold(publicationText(t.Publication)))
	if t.Refused != "" {
		v.line("%s", v.style.Red(terminal.Neutralise(t.Refused)))
	}
	if t.Root != nil {
		v.tree(t.Root, "", "")
	}
	for _, f := range t.DeadLetterings {
		v.line("")
		v.death(f)
	}
	v.line("")
	v.outcomes(t)
	if _, err := io.WriteString(w, v.out.String()); err != nil {
		return fmt.Errorf("write the route: %w", err)
	}
	return nil
}

type routeWriter struct {
	out   strings.Builder
	style terminal.Styler
}

func (v *routeWriter) line(format string, args ...any) {
	fmt.Fprintf(&v.out, format+"\n", args...)
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
	return terminal.Neutralise(s)
}

// tree writes a hop and the hops that follow. first begins its own line, rest those of the hops
// that follow.
func (v *routeWriter) tree(h *route.Hop, first, rest string) {
	v.line("%s%s", first, v.hop(h))
	for i, next := range h.Next {
		if i == len(h.Next)-1 {
			v.tree(next, rest+"└─ ", rest+"   ")
		} else {
			v.tree(next, rest+"├─ ", rest+"│  ")
		}
	}
}

func (v *routeWriter) hop(h *route.Hop) string {
	name := terminal.Neutralise(route.NameOf(h.Name))
	if h.Kind == topology.KindQueue {
		name = v.style.Green(terminal.Neutralise(h.Name))
		if h.Ends != "" {
			name = v.style.Red(terminal.Neutralise(h.Name))
		}
	}
	s := name
	if h.Type != "" && h.Name != "" {
		s += v.style.Dim(" (" + terminal.Neutralise(h.Type) + ")")
	}
	if h.Rule != "" {
		s += "  " + v.style.Dim(terminal.Neutralise(h.Rule))
	}
	if h.Choice != route.All {
		s += "  " + v.style.Yellow(string(h.Choice)+":")
	}
	if h.Again && h.Kind == topology.KindQueue {
		s += v.style.Dim("  (one copy only)")
	} else if h.Again {
		s += v.style.Dim("  (see above)")
	}
	if h.Ends != "" {
		s += "  " + v.style.Red(terminal.Neutralise(h.Ends))
	}
	if h.Unsure != "" {
		s += "  " + v.style.Yellow("unsure: "+terminal.Neutralise(h.Unsure))
	}
	return s
}

func (v *routeWriter) death(f *route.DeadLettering) {
	head := reasonText(f.Reason) + " in " + f.Queue
	if f.Wait {
		head = fmt.Sprintf("waits in %s for %s, and expires", f.Queue, time.Duration(f.After)*time.Millisecond)
	}
	v.line("%s", v.style.Bold("then "+terminal.Neutralise(head)))
	if f.Unsure != "" {
		v.line("%s", v.style.Yellow("unsure: "+terminal.Neutralise(f.Unsure)))
	}
	if f.Root != nil {
		v.tree(f.Root, "dead-letter exchange ", "")
		key := "its own keys"
		if f.Key != nil {
			key = fmt.Sprintf("key %q", *f.Key)
		}
		v.line("%s", v.style.Dim(terminal.Neutralise(fmt.Sprintf("set by %s; %s", f.Rule, key))))
	}
	if f.Why != "" {
		v.line("%s", v.style.Red(terminal.Neutralise(string(f.Outcome)+": "+f.Why)))
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
		v.line("%s", v.outcome(prefix, w))
	}
	for _, why := range t.Unsure() {
		v.line("%s", v.style.Yellow("unsure: "+terminal.Neutralise(why)))
	}
}

func (v *routeWriter) outcome(prefix string, w route.Placement) string {
	if len(w) == 0 {
		return v.style.Red(prefix + "lost: no queue has the message")
	}
	var names []string
	for _, c := range w {
		name := terminal.Neutralise(c.Queue)
		if c.Kept {
			name += " (kept inside, until its dead-letter exchange leads to a queue)"
		}
		names = append(names, name)
	}
	return prefix + "rests in " + v.style.Green(strings.Join(names, ", "))
}
