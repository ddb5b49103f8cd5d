package plan_test

import (
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

var everything = plan.Options{Prune: true, ReplaceEmpty: true,
	PruneKinds: beyondVHosts}

// beyondVHosts are the kinds that Prune deletes only when they are named.
var beyondVHosts = []topology.Kind{topology.KindUser, topology.KindVHost, topology.KindGlobalParameter}
