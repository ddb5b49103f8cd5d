package render

import (
	"io"
	"time"

	"github.com/msgctl/msgctl/internal/terminal"
)

// maxStory bounds the events of a story that are kept.
const maxStory = 10_000

// Story is what happened under one correlation id: events as a tree of causes. It keeps no bodies.
type Story struct {
	// ID is the correlation id, or the id of an event whose story is told.
	ID string
	// Left counts events beyond the first 10,000, which are not kept.
	Left int64

	nodes []*storyNode
	byID  map[string]*storyNode
	ids   map[string]bool // correlation ids of the story
}

type storyNode struct {
	seen     Seen
	size     int
	parent   *storyNode
	children []*storyNode
}

// NewStory begins a story.
func NewStory(id string) *Story {
	return &Story{ID: id, byID: map[string]*storyNode{}, ids: map[string]bool{id: true}}
}

// Add takes in an event when it belongs to the story, and says so; its Depth is set as far as its
// causes were seen. It belongs when its correlation id is the story's, when it is the event that
// the story is named after, or when it was caused by one that belongs. One event that is seen
// again, on its way through another exchange, is told again beside itself.
func (s *Story) Add(e *Seen) bool {
	id, cause := e.ID(), e.Cause()
	parent := s.byID[cause]
	if cause == "" {
		parent = nil
	}
	if !s.ids[e.Correlation()] && id != s.ID && cause != s.ID && parent == nil {
		return false
	}
	if len(s.nodes) >= maxStory {
		s.Left++
		return true
	}
	if c := e.Correlation(); c != "" {
		s.ids[c] = true // an event's own id leads to all of its story
	}
	n := &storyNode{seen: *e, size: len(e.Message.Body)}
	n.seen.Message.Body, n.seen.Message.Headers = nil, nil
	if n.seen.Event != nil {
		kept := *n.seen.Event
		kept.Payload, kept.Extra = nil, nil
		n.seen.Event = &kept
	}
	s.nodes = append(s.nodes, n)
	if id != "" && s.byID[id] == nil {
		s.byID[id] = n
	}
	if parent != nil {
		n.parent = parent
		e.Depth = n.depth()
	}
	return true
}

func (n *storyNode) depth() int {
	d := 0
	for p := n.parent; p != nil && d < maxDepth; p = p.parent {
		d++
	}
	return d
}

// maxDepth bounds how far a tree is indented.
const maxDepth = 40

// tree finds the cause of every event, also of those that came before it, and returns the roots. A
// circle of causes, which only a faulty publisher makes, is cut where it closes.
func (s *Story) tree() (roots []*storyNode) {
	for _, n := range s.nodes {
		n.parent, n.children = nil, nil
	}
	for _, n := range s.nodes {
		p := s.byID[n.seen.Cause()]
		for up := p; up != nil; up = up.parent {
			if up == n {
				p = nil
				break
			}
		}
		if p == nil || n.seen.Cause() == "" {
			roots = append(roots, n)
			continue
		}
		n.parent = p
		p.children = append(p.children, n)
	}
	return roots
}

// Len counts the events.
func (s *Story) Len() int64 { return int64(len(s.nodes)) + s.Left }

// Write draws the tree for a person.
func (s *Story) Write(w io.Writer, style terminal.Styler, width int) error {
	lines := NewTailLines(w, style, width)
	var write func(list []*storyNode, depth int, lead string) error
	write = func(list []*storyNode, depth int, lead string) error {
		for i, n := range list {
			branch, below := "├─ ", "│  "
			if i == len(list)-1 {
				branch, below = "└─ ", "   "
			}
			n.seen.branches = lead + branch
			if depth == 0 {
				n.seen.branches, below = "", ""
			} else if depth > maxDepth {
				below = ""
			}
			n.seen.Dropped, n.seen.Gap, n.seen.Depth = 0, false, 0
			if err := lines.write(&n.seen, n.size); err != nil {
				return err
			}
			if err := write(n.children, depth+1, lead+below); err != nil {
				return err
			}
		}
		return nil
	}
	if err := write(s.tree(), 0, ""); err != nil {
		return err
	}
	return lines.Flush()
}

// StoryDocument is a story for programs.
type StoryDocument struct {
	FormatVersion string       `json:"format_version"`
	ID            string       `json:"id"`
	Events        []StoryEvent `json:"events"`
	// Count is how many events there were; Left of them are not listed.
	Count int64 `json:"count"`
	Left  int64 `json:"left_out,omitempty"`
}

// StoryEvent is an event with what it led to.
type StoryEvent struct {
	At            time.Time    `json:"at"`
	Type          string       `json:"type,omitempty"`
	ID            string       `json:"id,omitempty"`
	Aggregate     string       `json:"aggregate,omitempty"`
	Exchange      string       `json:"exchange"`
	RoutingKey    string       `json:"routingKey"`
	CorrelationID string       `json:"correlationId,omitempty"`
	CausationID   string       `json:"causationId,omitempty"`
	Size          int          `json:"size"`
	Validity      Validity     `json:"validity,omitempty"`
	Causes        []StoryEvent `json:"caused,omitempty"`
}

// Document returns the story for programs.
func (s *Story) Document() StoryDocument {
	doc := StoryDocument{FormatVersion: TailFormatVersion, ID: s.ID, Count: s.Len(), Left: s.Left, Events: []StoryEvent{}}
	for _, n := range s.tree() {
		doc.Events = append(doc.Events, n.document())
	}
	return doc
}

func (n *storyNode) document() StoryEvent {
	e := StoryEvent{
		At: n.seen.When().UTC(), Type: valid(n.seen.Type()), ID: valid(n.seen.ID()), Exchange: valid(n.seen.Message.Exchange), RoutingKey: valid(n.seen.Message.RoutingKey),
		CorrelationID: valid(n.seen.Correlation()), CausationID: valid(n.seen.Cause()), Size: n.size, Validity: n.seen.Validity,
	}
	if a := aggregate(&n.seen); a != "-" {
		e.Aggregate = a
	}
	for _, c := range n.children {
		e.Causes = append(e.Causes, c.document())
	}
	return e
}
