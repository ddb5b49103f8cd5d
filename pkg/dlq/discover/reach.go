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
	return reachOf(s, vhost, version, t.Exchange, routing.Exactly(t.Key))
}

// ReachesWithAnyKey is Reaches for publications to an exchange whose keys are not known.
func ReachesWithAnyKey(s *topology.State, vhost, version, exchange string) Reach {
	out := reachOf(s, vhost, version, exchange, routing.AnyKey())
	out.Possible = append(out.Possible, out.Sure...) // none gets copies of all keys for certain
	out.Sure = nil
	slices.Sort(out.Possible)
	return out
}

func reachOf(s *topology.State, vhost, version, exchange string, keys pattern) Reach {
	r := newNetwork(s, vhost, version).route(exchange, routingKeys{all: []pattern{keys}})
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
