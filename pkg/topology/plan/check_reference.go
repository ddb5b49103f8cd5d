package plan

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
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
	for _, ref := range MissingExternals(c.want, c.have) {
		if !c.absent[ref] {
			c.add(diag.Warning, ref, "the file lists it under external, and the broker does not have it",
				"whatever the file sends there is lost until somebody declares it",
				c.nearest(ref, "have its owner declare it first, or correct the name"))
		}
	}
}

// MissingExternals returns what the files expect others to declare and the broker does not have, as
// far as the broker could be read.
func MissingExternals(want *topology.State, have *topology.Live) []topology.Ref {
	return slices.DeleteFunc(want.Expected(), func(ref topology.Ref) bool {
		return have.Has(ref) || have.Unreadable[ref.Kind] != "" || slices.Contains(have.MissingVHosts, ref.VHost) ||
			ref.Kind == topology.KindExchange && capability.IsPredeclared(ref.Name)
	})
}

func (c *checker) needs(ref, target topology.Ref, deleted map[topology.Ref]bool) {
	switch {
	case c.want.Has(target) || c.have.Unreadable[target.Kind] != "" || target.Kind == topology.KindUser && !c.usersRead():
	case deleted[target]:
		c.error(ref, fmt.Sprintf("it needs %s, which this file no longer declares and pruning deletes", target), "",
			"declare "+target.String()+" again, or take this out too")
	case c.have.Has(target) || target.Kind == topology.KindExchange && capability.IsPredeclared(target.Name):
	default:
		c.absent[target] = true
		c.error(ref, fmt.Sprintf("there is no %s: the file does not declare it and the broker does not have it", target),
			"the broker refuses this", c.nearest(target, "declare it"))
	}
}

// nearest asks whether a name like that of a missing object was meant; without one it returns
// otherwise.
func (c *checker) nearest(target topology.Ref, otherwise string) string {
	if near := suggest.Nearest(target.Name, c.names(target)); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return otherwise
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
