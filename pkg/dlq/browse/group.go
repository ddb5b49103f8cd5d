package browse

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// Keyer computes the group of a message. filter.Key implements it.
type Keyer interface {
	// AppendValues appends the message's values, one for each of Names.
	AppendValues(dst []string, m *message.Message) []string
	// Names are the names of the columns.
	Names() []string
}

// Group is a set of messages with the same values.
type Group struct {
	// Values has one value for each name of the Keyer. It is nil for Groups.Rest.
	Values []string
	Count  int64
	// Bytes is the total size of the bodies.
	Bytes int64
	// FirstDeath and LastDeath are the earliest and latest time at which one of them failed
	// (message.DiedAt); zero if unknown.
	FirstDeath, LastDeath time.Time
	// Example is the message id of the first message that has one; "" if none has.
	Example string
	// AtLeast says that Count may be too small: the group was among the smallest when there were
	// too many groups, and its earlier messages were counted in the rest.
	AtLeast bool
}

// Groups is the result of a Grouper.
type Groups struct {
	Names []string
	// List has the groups, largest first.
	List []Group
	// Rest sums up the messages in no group, because there were more than MaxGroups. Its Count is 0
	// if there are none.
	Rest Group
	// Messages is the total number of messages.
	Messages int64
}

// DefaultMaxGroups is how many groups a Grouper keeps by default.
const DefaultMaxGroups = 10000

// Grouper counts messages by group in bounded memory. It is not safe for concurrent use.
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

// counted is a group and its index in the heap of groups.
type counted struct {
	Group
	id string
	at int
	// touched is when it last grew, counted in messages.
	touched int64
}

// NewGrouper returns a Grouper that keeps at most maxGroups groups; 0 means DefaultMaxGroups. When
// there are more, the smallest is moved to the rest to make room for a new one, so a large group is
// kept wherever it begins.
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

// open adds a group. If there are too many, it replaces the smallest.
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
	g.Bytes += int64(m.Size())
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

// Groups returns the groups so far, the largest first, groups of equal size by their values.
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

// smallest is a heap with the smallest group on top. Of equal ones, the one that has not grown for
// the longest time is on top, so that a large group that begins late has time to grow.
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
