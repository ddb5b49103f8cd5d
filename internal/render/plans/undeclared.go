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
func (t textWriter) undeclared(doc PlanDocument) {
	const before = "no longer declared, but applied by this topology before"
	var reached, named []topology.Ref
	elsewhere := map[string][]topology.Ref{} // by flag
	needs := map[topology.Kind]bool{}
	for _, ref := range doc.Undeclared {
		switch kind, outOfReach := doc.pruneNeeds[ref]; {
		case !outOfReach:
			reached = append(reached, ref)
		case kind == "":
			flag := pruneFlag(ref)
			elsewhere[flag] = append(elsewhere[flag], ref)
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
	const away = before + ", in a vhost that the files no longer name; with that vhost under vhosts, "
	for _, flag := range slices.Sorted(maps.Keys(elsewhere)) {
		t.refs(elsewhere[flag], away+flag+" deletes:")
	}
}

// pruneFlag returns the flag that prunes an object in a vhost that the files name.
func pruneFlag(ref topology.Ref) string {
	kind := ref.Kind
	if kind == topology.KindTopicPermission {
		kind = topology.KindPermission
	}
	for name, k := range PruneKinds() {
		if k == kind {
			return "--prune=" + name
		}
	}
	return "--prune"
}

// PruneNeed says what else a pruning of an object takes, besides --prune.
type PruneNeed struct {
	Ref topology.Ref `json:"ref"`
	// Flag deletes it: --prune with the name of its kind.
	Flag string `json:"flag"`
	// VHost, if not empty, is the vhost that the files have to name under vhosts.
	VHost string `json:"vhost,omitempty"`
}

// needsToPrune returns what the objects need that --prune alone does not delete, in their order.
func (doc PlanDocument) needsToPrune() []PruneNeed {
	var list []PruneNeed
	for _, ref := range doc.Undeclared {
		kind, outOfReach := doc.pruneNeeds[ref]
		switch {
		case !outOfReach:
		case kind == "":
			list = append(list, PruneNeed{Ref: ref, Flag: pruneFlag(ref), VHost: ref.VHost})
		default:
			list = append(list, PruneNeed{Ref: ref, Flag: pruneFlag(topology.Ref{Kind: kind})})
		}
	}
	return list
}

// PruneNames returns the names of PruneKinds, ordered.
func PruneNames() []string { return slices.Sorted(maps.Keys(PruneKinds())) }
