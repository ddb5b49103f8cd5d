package plan_test

import (
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

var everything = plan.Options{Prune: true, ReplaceEmpty: true,
	PruneKinds: clusterKinds}

// clusterKinds are the kinds that Prune deletes only when they are named, or the files have some.
var clusterKinds = []topology.Kind{topology.KindUser, topology.KindVHost, topology.KindGlobalParameter,
	topology.KindPermission, topology.KindVHostLimit, topology.KindParameter, topology.KindPolicy,
	topology.KindOperatorPolicy}
