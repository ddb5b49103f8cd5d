package cmd

import (
	"context"
	"errors"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/routetest"
)

func (o *testOptions) onBroker(ctx context.Context, suite *routetest.Suite, state *topology.State, cases []routetest.Case) ([]routetest.Result, error) {
	return nil, errors.New("not yet")
}
