package graph

import (
	"io"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/pkg/topology"
	model "github.com/msgctl/msgctl/pkg/topology/graph"
)

type graphDocument struct {
	FormatVersion string         `json:"format_version"`
	Name          string         `json:"name,omitempty"`
	Nodes         []nodeDocument `json:"nodes"`
	Edges         []edgeDocument `json:"edges"`
}

type nodeDocument struct {
	topology.Ref
	Role     string            `json:"role,omitempty"`
	Type     string            `json:"type,omitempty"`
	Facts    map[string]string `json:"facts,omitempty"`
	Messages *int64            `json:"messages,omitempty"`
	Problems []string          `json:"problems,omitempty"`
}

// edgeDocument names nodes by their index.
type edgeDocument struct {
	From        int      `json:"from"`
	To          int      `json:"to"`
	Kind        string   `json:"kind"`
	Keys        []string `json:"keys,omitempty"`
	DeadLetters bool     `json:"dead_letters,omitempty"`
	Back        bool     `json:"back,omitempty"`
	Lost        bool     `json:"lost,omitempty"`
}

// JSON writes the nodes and edges of the graph as a JSON document.
func JSON(w io.Writer, g *model.Graph) error {
	doc := graphDocument{FormatVersion: "1", Name: g.Name, Nodes: []nodeDocument{}, Edges: []edgeDocument{}}
	for _, n := range g.Nodes {
		d := nodeDocument{Ref: n.Ref, Role: string(n.Role), Type: n.Type}
		if n.Role == model.Event {
			d.Kind = "event"
		}
		for _, f := range n.Facts {
			if d.Facts == nil {
				d.Facts = map[string]string{}
			}
			d.Facts[f.Name] = f.Value
		}
		if n.Status.Known {
			d.Messages = &n.Status.Messages
		}
		for _, p := range n.Problems {
			d.Problems = append(d.Problems, p.Text)
		}
		doc.Nodes = append(doc.Nodes, d)
	}
	for _, e := range g.Edges {
		doc.Edges = append(doc.Edges, edgeDocument{From: e.From, To: e.To, Kind: string(e.Kind), Keys: e.Labels,
			DeadLetters: e.DeadLetters, Back: e.Back, Lost: e.Lost})
	}
	return render.JSON(w, doc)
}
