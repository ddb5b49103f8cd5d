package browse

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// Keyer tells groups apart: filter.Key is one.
type Keyer interface {
	// AppendValues appends the message's values, one for each of Names.
	AppendValues(dst []string, m *message.Message) []string
	// Names are the columns.
	Names() []string
}

// Group is a number of messages that are alike.
type Group struct {
	// Values tell it apart, one for each name of the Keyer. nil for the rest: see Groups.Rest.
	Values []string
	Count  int64
	// Bytes are those of the bodies.
	Bytes int64
	// FirstDeath and LastDeath are the earliest and latest time at which one of them failed
	// (message.DiedAt); zero when nothing tells.
	FirstDeath, LastDeath time.Time
	// Example is the message id of one of them, the first that has one; "" when none has.
	Example string
	// AtLeast says that Count may be too small: the group was among the smallest when there were
	// too many groups, and what came before was counted in the rest.
	AtLeast bool
}

// Groups is what a Grouper counted.
type Groups struct {
	Names []string
	// List has the largest first.
	List []Group
	// Rest sums up what was counted in no group, because there were more than MaxGroups. Count is 0
	// when there was no need.
	Rest Group
	// Messages is the number of all.
	Messages int64
}

// DefaultMaxGroups is how many groups a Grouper keeps apart.
const DefaultMaxGroups = 10000

// Grouper counts messages by groups in memory that does not grow with their number. It is for one
// goroutine.
type Grouper struct {
	key     Keyer
	limit   int
	groups  map[string]*counted
	small   smallest
	rest    Group
	total   int64
	values  []string
	scratch []byte
}

// counted is a group and its place in the heap of groups.
type counted struct {
	Group
	id string
	at int
	// touched is when it last grew, in messages.
	touched int64
}

// NewGrouper returns a Grouper that keeps at most maxGroups groups apart; 0 means DefaultMaxGroups.
// With more, the smallest gives way to a new one and goes to the rest: a group that is large stays,
// wherever it begins.
func NewGrouper(key Keyer, maxGroups int) *Grouper {
	if maxGroups <= 0 {
		maxGroups = DefaultMaxGroups
	}
	return &Grouper{key: key, limit: maxGroups, groups: map[string]*counted{}}
}

// Add counts one message. It keeps no reference to it.
func (g *Grouper) Add(m *message.Message) {
	g.total++
	g.values = g.key.AppendValues(g.values[:0], m)
	g.scratch = g.scratch[:0]
	for _, v := range g.values {
		g.scratch = append(append(g.scratch, v...), 0)
	}
	c := g.groups[string(g.scratch)]
	if c == nil {
		c = g.open(string(g.scratch))
	}
	c.add(m)
	c.touched = g.total
	heap.Fix(&g.small, c.at)
}

// open begins a group, in the place of the smallest if there are too many.
func (g *Grouper) open(id string) *counted {
	c := &counted{id: id}
	for _, v := range g.values {
		c.Values = append(c.Values, strings.Clone(v))
	}
	if len(g.groups) >= g.limit {
		least := heap.Pop(&g.small).(*counted)
		delete(g.groups, least.id)
		g.rest.merge(&least.Group)
	}
	c.AtLeast = g.rest.Count > 0
	g.groups[id] = c
	heap.Push(&g.small, c)
	return c
}

func (g *Group) add(m *message.Message) {
	g.Count++
	g.Bytes += int64(len(m.Body))
	if g.Example == "" {
		g.Example = strings.Clone(m.MessageID)
	}
	if at := m.DiedAt(); !at.IsZero() {
		g.span(at, at)
	}
}

func (g *Group) span(first, last time.Time) {
	if !first.IsZero() && (g.FirstDeath.IsZero() || first.Before(g.FirstDeath)) {
		g.FirstDeath = first
	}
	if last.After(g.LastDeath) {
		g.LastDeath = last
	}
}

func (g *Group) merge(o *Group) {
	g.Count, g.Bytes = g.Count+o.Count, g.Bytes+o.Bytes
	g.span(o.FirstDeath, o.LastDeath)
	g.Example = cmp.Or(g.Example, o.Example)
}

// Groups returns what was counted so far, the largest group first, equal ones by their values.
func (g *Grouper) Groups() Groups {
	out := Groups{Names: g.key.Names(), Rest: g.rest, Messages: g.total}
	for _, c := range g.groups {
		out.List = append(out.List, c.Group)
	}
	slices.SortFunc(out.List, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), slices.Compare(a.Values, b.Values))
	})
	return out
}

// smallest is a heap with the group of the fewest messages on top; of equal ones, the one that did
// not grow for longest: a large group that begins late has the time to grow.
type smallest []*counted

func (s smallest) Len() int { return len(s) }
func (s smallest) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(s[i].Count, s[j].Count), cmp.Compare(s[i].touched, s[j].touched)) < 0
}
func (s smallest) Swap(i, j int) { s[i], s[j] = s[j], s[i]; s[i].at, s[j].at = i, j }

// Push implements heap.Interface.
func (s *smallest) Push(x any) { c := x.(*counted); c.at = len(*s); *s = append(*s, c) }

// Pop implements heap.Interface.
func (s *smallest) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}
