package discover

import (
	"slices"

	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// Reach has the queues that get a copy of a publication.
type Reach struct {
	// Sure queues get a copy. Possible queues may, depending on headers or on the exchange of a
	// plugin. Both are sorted.
	Sure, Possible []string
	// Missing are exchanges on the path that do not exist.
	Missing []string
}

// Reaches returns the queues that a publication reaches, by bindings and alternate exchanges. It is
// pure. version is the broker's; "" means the newest.
func Reaches(s *topology.State, vhost, version string, t publish.Target) Reach {
	n := newNetwork(s, vhost, version)
	r := n.route(t.Exchange, routingKeys{all: []pattern{routing.Exactly(t.Key)}})
	out := Reach{Missing: r.missing}
	for _, p := range r.paths {
		if !p.may && !slices.Contains(out.Sure, p.queue) {
			out.Sure = append(out.Sure, p.queue)
		}
	}
	for _, p := range r.paths {
		if p.may && !slices.Contains(out.Sure, p.queue) && !slices.Contains(out.Possible, p.queue) {
			out.Possible = append(out.Possible, p.queue)
		}
	}
	slices.Sort(out.Sure)
	slices.Sort(out.Possible)
	return out
}
