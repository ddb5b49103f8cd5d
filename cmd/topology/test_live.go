package topology

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/routetest"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// testVHostPrefix begins the names of the temporary vhosts in which live tests run.
const testVHostPrefix = "msgctl-live-test-"

// onBroker runs tests in temporary vhosts, one for each vhost of the files in turn, and deletes
// them at the end.
func (o *testOptions) onBroker(ctx context.Context, declared *spec.Spec, state *topology.State,
	cases []routetest.Case) (results []routetest.Result, err error) {
	conn, err := o.proc.Connection(o.connection)
	if err != nil {
		return nil, err
	}
	b, err := o.open(ctx, conn, "test")
	if err != nil {
		return nil, err
	}
	defer b.Close()
	version, err := o.versionOf(ctx, b, conn.VHost)
	if err != nil {
		return nil, err
	}
	suite := routetest.NewSuite(declared, state, version)
	tests := map[string]*routetest.Live{}
	for i, c := range cases {
		live := tests[c.VHost]
		if live == nil {
			name := testVHostPrefix + strings.ToLower(rand.Text()[:10])
			testVHost, failed := b.TestVHost(ctx, name)
			if failed != nil {
				return nil, failed
			}
			defer func() { err = errors.Join(err, testVHost.Close()) }()
			if live, err = routetest.NewLive(ctx, testVHost, suite, c.VHost, name); err != nil {
				return nil, cmp.Or(ctx.Err(), err)
			}
			tests[c.VHost] = live
		}
		r, failed := live.Run(ctx, c, fmt.Sprintf("test-%d", i))
		if failed != nil {
			return nil, fmt.Errorf("test %q: %w", c.Name, failed)
		}
		results = append(results, r)
	}
	return results, nil
}

// versionOf reads the broker's version, so that the simulator simulates the same one.
func (o *testOptions) versionOf(ctx context.Context, b TestVHostBroker, vhost string) (string, error) {
	if o.source.broker.value != "" {
		return o.source.broker.value, nil
	}
	live, err := b.Everything(ctx, []string{vhost})
	if err != nil {
		return "", err
	}
	return live.Server.Version, nil
}

// TestVHostBroker opens temporary vhosts for tests.
type TestVHostBroker interface {
	// Everything reads all objects of some vhosts and of the cluster.
	Everything(ctx context.Context, vhosts []string) (*topology.Live, error)
	// TestVHost creates a vhost for tests.
	TestVHost(ctx context.Context, vhost string) (TestVHost, error)
	// Close ends all connections.
	Close()
}

// OpenTestVHost creates a client for tests on a broker.
type OpenTestVHost func(ctx context.Context, conn *profile.Connection, command string) (TestVHostBroker, error)

// TestVHost is a temporary vhost for tests; Close deletes it.
type TestVHost interface {
	routetest.TestVHost
	Close() error
}
