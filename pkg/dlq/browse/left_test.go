package browse_test

import (
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// TestLiftedLimits: an override that was left behind is told with its queue and what removes it, and
// a look does not rely on it.
func TestLiftedLimits(t *testing.T) {
	live := &topology.Live{}
	live.Server.Version = "4.3.6"
	for _, o := range []topology.Object{
		&topology.Queue{VHost: "v 1", Name: "a.dlq", Type: topology.Quorum, Durable: true},
		&topology.Policy{VHost: "v 1", Name: "limits", Pattern: ".*", ApplyTo: topology.ApplyToQueues,
			Definition: topology.Arguments{"delivery-limit": int64(7)}},
		&topology.Policy{VHost: "v 1", Name: "msgctl-guard-20250102T030405Z-abc", Pattern: `^a\.dlq$`, Priority: 1,
			ApplyTo: topology.ApplyToQueues, Definition: topology.Arguments{"delivery-limit": int64(-1)}},
	} {
		must(t, live.Add(o, diag.Position{}))
	}
	list := browse.LiftedLimits(&live.State)
	if len(list) != 1 || list[0].Queue != "a.dlq" || !list[0].Since.Equal(time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)) ||
		!strings.HasSuffix(list[0].String(), "rabbitmqctl clear_policy -p 'v 1' msgctl-guard-20250102T030405Z-abc") {
		t.Errorf("%+v", list)
	}
	f, err := browse.FactsOf(live, discover.Discovery{}, "v 1", "a.dlq")
	must(t, err)
	if n, ok := f.DeliveryLimit.Int(); !ok || n != 7 {
		t.Errorf("the delivery limit is %v (%s)", f.DeliveryLimit.Value, f.DeliveryLimit.From)
	}
}

// TestLiftedLimitNamesItsQueue: the pattern of an override tells the name of its queue, whatever
// characters that has, and also when the queue is deleted.
func TestLiftedLimitNamesItsQueue(t *testing.T) {
	for _, name := range []string{"a", "a.dlq", "^a$", `a\b\`, "(a|b)*[c]{2}+?", "é\n.", `\`} {
		s := &topology.State{}
		q := &topology.Queue{VHost: "/", Name: name, Type: topology.Quorum, Durable: true}
		must(t, s.Add(q, diag.Position{}))
		policies, err := browse.OverridePolicies(s, "/", name, "4.3.6", time.Now())
		must(t, err)
		left := &topology.State{}
		must(t, left.Add(policies[0], diag.Position{}))
		if list := browse.LiftedLimits(left); len(list) != 1 || list[0].Queue != name {
			t.Errorf("%q: %+v", name, list)
		}
	}
}
