package discover

import (
	"github.com/msgctl/msgctl/pkg/topology"
	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// network is the routing of one vhost. It routes sets of keys, where package route routes messages.
type network struct {
	*routing.Network
	vhost    string
	policies *policySet
}

func newNetwork(s *topology.State, vhost, version string) *network {
	n := routing.New(s, vhost, version)
	return &network{Network: n, vhost: vhost,
		policies: &policySet{version: version, list: n.Policies().All(), judged: n.Policies()}}
}

// alternate returns the alternate exchange, "" for none.
func (n *network) alternate(exchange string) string { return n.Alternate(exchange).Text() }
