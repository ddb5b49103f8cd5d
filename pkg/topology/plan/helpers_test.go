package plan_test

import "github.com/msgctl/msgctl/pkg/topology/plan"

var everything = plan.Options{Prune: true, ReplaceEmpty: true}
