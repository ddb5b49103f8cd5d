package plans

import (
	"maps"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
)

// PruneKinds returns the names that the flag --prune takes and the kind that each stands for.
func PruneKinds() map[string]topology.Kind {
	return map[string]topology.Kind{
		"users": topology.KindUser, "vhosts": topology.KindVHost, "globals": topology.KindGlobalParameter,
		"permissions": topology.KindPermission, "limits": topology.KindVHostLimit, "parameters": topology.KindParameter,
		"policies": topology.KindPolicy, "operatorPolicies": topology.KindOperatorPolicy,
	}
}

// undeclared lists the objects that the topology no longer declares, grouped by what is needed to
// delete them.
func (t textWriter) undeclared(doc Document) {
	const before = "no longer declared, but applied by this topology before"
	var reached, named, elsewhere []topology.Ref
	needs := map[topology.Kind]bool{}
	for _, ref := range doc.Undeclared {
		switch kind, outOfReach := doc.pruneNeeds[ref]; {
		case !outOfReach:
			reached = append(reached, ref)
		case kind == "":
			elsewhere = append(elsewhere, ref)
		default:
			named, needs[kind] = append(named, ref), true
		}
	}
	t.refs(reached, before+"; --prune deletes:")
	var flags []string
	for name, kind := range PruneKinds() {
		if needs[kind] {
			flags = append(flags, name)
		}
	}
	slices.Sort(flags)
	t.refs(named, before+", as the record says, which others may have written; --prune="+strings.Join(flags, ",")+
		" deletes:")
	t.refs(elsewhere, before+", in a vhost that the files no longer name; with that vhost under vhosts, --prune deletes:")
}

// PruneNames returns the names of PruneKinds, ordered.
func PruneNames() []string { return slices.Sorted(maps.Keys(PruneKinds())) }
