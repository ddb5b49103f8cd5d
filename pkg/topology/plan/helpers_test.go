package plan_test

import (
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

var everything = plan.Options{Prune: true, ReplaceEmpty: true,
	PruneKinds: []topology.Kind{topology.KindUser, topology.KindVHost, topology.KindGlobalParameter}}
