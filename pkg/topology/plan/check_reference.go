package plan

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// references finds declared objects that need one which neither the file declares nor the broker
// has, or which this plan deletes: the broker would answer 404 or 400. deleted is what the plan
// deletes.
func (c *checker) references(deleted map[topology.Ref]bool) {
	missing := map[string]bool{}
	for _, v := range c.have.MissingVHosts {
		missing[v] = true
	}
	for ref := range c.want.All() {
		if missing[ref.VHost] && !c.want.Has(topology.Ref{Kind: topology.KindVHost, Name: ref.VHost}) {
			continue // said once for the whole vhost
		}
		switch ref.Kind {
		case topology.KindBinding:
			if ref.Parent != "" {
				c.needs(ref, ref.SourceRef(), deleted)
				c.needs(ref, ref.DestinationRef(), deleted)
			}
		case topology.KindPermission:
			c.needs(ref, topology.Ref{Kind: topology.KindUser, Name: ref.Name}, deleted)
		case topology.KindTopicPermission:
			c.needs(ref, topology.Ref{Kind: topology.KindUser, Name: ref.Name}, deleted)
			// older brokers take one for an exchange to come
			if c.server.Version != "" && capability.VersionAtLeast(c.server.Version, "4.3") {
				c.needs(ref, topology.ExchangeRef(ref.VHost, ref.Parent), deleted)
			}
		case topology.KindUserLimit:
			c.needs(ref, topology.Ref{Kind: topology.KindUser, Name: ref.Parent}, deleted)
		}
	}
}

func (c *checker) needs(ref, target topology.Ref, deleted map[topology.Ref]bool) {
	switch {
	case c.want.Has(target) || c.have.Unreadable[target.Kind] != "" || target.Kind == topology.KindUser && !c.usersRead():
	case deleted[target]:
		c.error(ref, fmt.Sprintf("it needs %s, which this file no longer declares and pruning deletes", target), "",
			"declare "+target.String()+" again, or take this out too")
	case c.have.Has(target) || target.Kind == topology.KindExchange && capability.IsPredeclared(target.Name):
	default:
		fix := "declare it"
		if near := suggest.Nearest(target.Name, c.names(target)); near != "" {
			fix = fmt.Sprintf("did you mean %q?", near)
		}
		c.error(ref, fmt.Sprintf("there is no %s: the file does not declare it and the broker does not have it", target),
			"the broker refuses this", fix)
	}
}

// usersRead reports whether the users were read at all: there is always one, unless they live in
// another system.
func (c *checker) usersRead() bool {
	return slices.ContainsFunc(c.names(topology.Ref{Kind: topology.KindUser}), c.isLive)
}

func (c *checker) isLive(user string) bool {
	return c.have.Has(topology.Ref{Kind: topology.KindUser, Name: user})
}

// names lists what the file and the broker have of a kind, in one vhost.
func (c *checker) names(like topology.Ref) []string {
	scope := topology.Ref{Kind: like.Kind, VHost: like.VHost}
	if names, ok := c.known[scope]; ok {
		return names
	}
	var names []string
	for ref := range c.merged(like.Kind) {
		if ref.VHost == like.VHost {
			names = append(names, ref.Name)
		}
	}
	slices.Sort(names)
	c.known[scope] = names
	return names
}
