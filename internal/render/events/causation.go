package events

import (
	"io"
	"time"

	"github.com/msgctl/msgctl/internal/render/messages"
	"github.com/msgctl/msgctl/internal/terminal"
)

// maxEvents is the maximum number of events that a CausationTree keeps.
const maxEvents = 10_000

// CausationTree contains the events of one correlation id, each below the event that caused it. It
// keeps no bodies.
type CausationTree struct {
	// ID is the correlation id, or the id of one of the events.
	ID string
	// Left is the number of events after the first 10,000. They are not kept.
	Left int64

	nodes []*causationNode
	byID  map[string]*causationNode
	ids   map[string]bool // correlation ids of the events
}

type causationNode struct {
	message  TailMessage
	size     int
	parent   *causationNode
	children []*causationNode
}

// NewCausationTree returns a tree without events.
func NewCausationTree(id string) *CausationTree {
	return &CausationTree{ID: id, byID: map[string]*causationNode{}, ids: map[string]bool{id: true}}
}

// Add adds an event if it belongs to the tree and reports whether it does. An event belongs to the
// tree if it has the tree's correlation id, if the tree has its id, or if an event of the tree
// caused it. Add sets the Depth of the event as far as its causes are known. An event that passes
// through several exchanges is listed once for each.
func (s *CausationTree) Add(e *TailMessage) bool {
	id, cause := e.ID(), e.Cause()
	parent := s.byID[cause]
	if cause == "" {
		parent = nil
	}
	if !s.ids[e.Correlation()] && id != s.ID && cause != s.ID && parent == nil {
		return false
	}
	if len(s.nodes) >= maxEvents {
		s.Left++
		return true
	}
	if c := e.Correlation(); c != "" {
		s.ids[c] = true // a tree that is named after an event gets that event's correlation id
	}
	n := &causationNode{message: *e, size: len(e.Message.Body)}
	n.message.Message.Body, n.message.Message.Headers = nil, nil
	if n.message.Event != nil {
		kept := *n.message.Event
		kept.Payload, kept.Extra = nil, nil
		n.message.Event = &kept
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

func (n *causationNode) depth() int {
	d := 0
	for p := n.parent; p != nil && d < maxDepth; p = p.parent {
		d++
	}
	return d
}

// maxDepth is the maximum indentation of a tree, in levels.
const maxDepth = 40

// roots puts every event below its cause, even if the cause arrived later. It returns the events
// without a cause in the tree. It breaks a cycle of causes, which only a faulty publisher creates,
// where it closes.
func (s *CausationTree) roots() (list []*causationNode) {
	for _, n := range s.nodes {
		n.parent, n.children = nil, nil
	}
	for _, n := range s.nodes {
		p := s.byID[n.message.Cause()]
		for up := p; up != nil; up = up.parent {
			if up == n {
				p = nil
				break
			}
		}
		if p == nil || n.message.Cause() == "" {
			list = append(list, n)
			continue
		}
		n.parent = p
		p.children = append(p.children, n)
	}
	return list
}

// Len returns the number of events, including those that are not kept.
func (s *CausationTree) Len() int64 { return int64(len(s.nodes)) + s.Left }

// Write draws the tree for a person.
func (s *CausationTree) Write(w io.Writer, style terminal.Styler, width int) error {
	lines := NewTailLines(w, style, width)
	var write func(list []*causationNode, depth int, lead string) error
	write = func(list []*causationNode, depth int, lead string) error {
		for i, n := range list {
			branch, below := "├─ ", "│  "
			if i == len(list)-1 {
				branch, below = "└─ ", "   "
			}
			n.message.branches = lead + branch
			if depth == 0 {
				n.message.branches, below = "", ""
			} else if depth > maxDepth {
				below = ""
			}
			n.message.Dropped, n.message.Gap, n.message.Depth = 0, false, 0
			if err := lines.write(&n.message, n.size); err != nil {
				return err
			}
			if err := write(n.children, depth+1, lead+below); err != nil {
				return err
			}
		}
		return nil
	}
	if err := write(s.roots(), 0, ""); err != nil {
		return err
	}
	return lines.Flush()
}

// CausationDocument is a CausationTree, for other programs.
type CausationDocument struct {
	FormatVersion string `json:"format_version"`
	ID            string `json:"id"`
	// Events are the events whose cause is not in the tree.
	Events []CausationEvent `json:"events"`
	// Count is the number of events, of which Left are not listed.
	Count int64 `json:"count"`
	Left  int64 `json:"left_out,omitempty"`
}

// CausationEvent is an event with the events that it caused.
type CausationEvent struct {
	At            time.Time        `json:"at"`
	Type          string           `json:"type,omitempty"`
	ID            string           `json:"id,omitempty"`
	Aggregate     string           `json:"aggregate,omitempty"`
	Exchange      string           `json:"exchange"`
	RoutingKey    string           `json:"routingKey"`
	CorrelationID string           `json:"correlationId,omitempty"`
	CausationID   string           `json:"causationId,omitempty"`
	Size          int              `json:"size"`
	Validity      Validity         `json:"validity,omitempty"`
	Caused        []CausationEvent `json:"caused,omitempty"`
}

// Document returns the tree as a document.
func (s *CausationTree) Document() CausationDocument {
	doc := CausationDocument{FormatVersion: TailFormatVersion, ID: s.ID, Count: s.Len(), Left: s.Left,
		Events: []CausationEvent{}}
	for _, n := range s.roots() {
		doc.Events = append(doc.Events, n.document())
	}
	return doc
}

func (n *causationNode) document() CausationEvent {
	e := CausationEvent{
		At: n.message.When().UTC(), Type: messages.ValidUTF8(n.message.Type()), ID: messages.ValidUTF8(n.message.ID()),
		Exchange:      messages.ValidUTF8(n.message.Message.Exchange),
		RoutingKey:    messages.ValidUTF8(n.message.Message.RoutingKey),
		CorrelationID: messages.ValidUTF8(n.message.Correlation()), CausationID: messages.ValidUTF8(n.message.Cause()),
		Size: n.size, Validity: n.message.Validity,
	}
	if a := aggregate(&n.message); a != "-" {
		e.Aggregate = a
	}
	for _, c := range n.children {
		e.Caused = append(e.Caused, c.document())
	}
	return e
}
