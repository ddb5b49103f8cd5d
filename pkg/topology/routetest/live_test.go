package routetest_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/routetest"
)

// openTestVHost opens a test vhost on a broker. The vhost is deleted at the end of the test.
func openTestVHost(ctx context.Context, t *testing.T, b *rabbittest.Broker) (*broker.TestVHost, string) {
	t.Helper()
	c := brokertest.Connect(t, rabbittest.User{URL: b.URL, API: b.API})
	name := strings.ToLower("msgctl-test-lab-" + strings.ReplaceAll(t.Name(), "/", "-") + "-" + rand.Text()[:12])
	testVHost, err := c.OpenTestVHost(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := testVHost.Close(); err != nil {
			t.Error(err)
		}
		if b.Admin().Exists(t, rabbittest.Path("vhosts", name)) {
			t.Errorf("vhost %s is still there", name)
		}
	})
	return testVHost, name
}

func TestAllTestsOfTheFilePassOnBrokers(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		s := suite(t, "testdata/all.yaml", b.Line)
		testVHost, vhost := openTestVHost(t.Context(), t, b)
		live, err := routetest.NewLive(t.Context(), testVHost, s, "files", vhost)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range s.Cases {
			r, err := live.Run(t.Context(), c, fmt.Sprint("m", i))
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			if !r.Passed() {
				t.Errorf("%s: %+v, happened %v", c.Name, r.Failures, r.Happened)
			}
		}
	})
}

// The broker decides, not the simulator: if the broker lacks a binding that the simulator has, the
// test fails.
func TestALiveTestFailsForWhatTheBrokerDoes(t *testing.T) {
	b := rabbittest.Any(t)
	s := suite(t, "testdata/failing.yaml", b.Line)
	testVHost, vhost := openTestVHost(t.Context(), t, b)
	live, err := routetest.NewLive(t.Context(), without{testVHost, "paid"}, s, "/", vhost)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(s.Cases, func(c routetest.Case) bool { return c.Name == "the key is not bound" })
	c := s.Cases[at]
	c.Expect = []string{"paid"}
	if r := s.Run(c); !r.Passed() {
		t.Fatalf("in the simulator: %+v", r.Failures)
	}
	r, err := live.Run(t.Context(), c, "m")
	if err != nil || r.Passed() || len(r.Happened) > 0 {
		t.Errorf("%v, passed %v, happened %v", err, r.Passed(), r.Happened)
	}
}

// without is a TestVHost that ignores the bindings to a queue.
type without struct {
	routetest.TestVHost
	queue string
}

func (w without) Create(ctx context.Context, o topology.Object) error {
	if b, ok := o.(*topology.Binding); ok && b.Destination == w.queue {
		return nil
	}
	return w.TestVHost.Create(ctx, o)
}

func TestTheVHostIsDeletedWhenItsContextEnds(t *testing.T) {
	b := rabbittest.Any(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := suite(t, "testdata/failing.yaml", b.Line)
	testVHost, vhost := openTestVHost(ctx, t, b)
	live, err := routetest.NewLive(ctx, testVHost, s, "/", vhost)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := live.Run(ctx, s.Cases[0], "m"); !errors.Is(err, context.Canceled) {
		t.Errorf("run after the end: %v", err)
	}
	// The cleanup of openTestVHost checks that the vhost is deleted.
}
