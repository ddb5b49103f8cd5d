package plan_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// TestRetryStepsAsTheBrokerCan: by the broker's own delay where that means the same, else by wait
// queues, with the reason.
func TestRetryStepsAsTheBrokerCan(t *testing.T) {
	for _, x := range []struct {
		queue, version string
		have           topology.Arguments // of the queue on the broker; nil when it does not exist
		native         bool
		why            string
	}{
		{"type: quorum, retry: { backoff: [5s, 10s, 15s] }", "4.3.6", nil, true,
			"RabbitMQ 4.3.6 delays a retry itself: 5s, 10s, 15s; the delivery limit of 3 that these steps mean ends them " +
				"after 4 deliveries"},
		{"type: quorum, retry: { backoff: [5s, 10s, 10s] }", "4.3.6", nil, true, ""},
		{"type: quorum, retry: { backoff: [90s] }", "4.4.0", nil, true, "1m30s"},
		{"type: quorum, retry: { backoff: [5s] }", "4.0.5", nil, false,
			"RabbitMQ 4.0.5 cannot delay a retry itself, 4.3 can"},
		{"type: quorum, retry: { backoff: [5s, 30s, 5m] }", "4.3.6", nil, false, "grows evenly, and 5s, 30s, 5m does not"},
		{"type: quorum, retry: { backoff: [5s], jitter: 10% }", "4.3.6", nil, false, "knows no jitter"},
		{"type: quorum, retry: { backoff: [5s], via: queues }", "4.3.6", nil, false, "via: queues"},
		{"type: quorum, deliveryLimit: 1, retry: { backoff: [5s, 5s] }", "4.3.6", nil, false, "delivery limit of 1"},
		{"type: quorum, deliveryLimit: 2, retry: { backoff: [5s, 5s] }", "4.3.6", nil, true,
			"its delivery limit of 2 ends them after 3 deliveries"},
		{"type: quorum, deliveryLimit: unlimited, retry: { backoff: [5s, 5s] }", "4.3.6", nil, true,
			"the broker does not end them"},
		{"type: classic, retry: { backoff: [5s] }", "4.3.6", nil, false, "the file says classic"},
		{"retry: { backoff: [5s] }", "4.3.6", nil, false, "the file says no type"},
		{"type: quorum, retry: { backoff: [5s] }", "4.3.6", topology.Arguments{}, false, "exists without the argument"},
		{"type: quorum, retry: { backoff: [5s] }", "4.3.6",
			topology.Arguments{"x-delayed-retry-type": "failed", "x-delayed-retry-min": int64(5000),
				"x-delayed-retry-max": int64(5000)}, true, "exists without a delivery limit"},
		{"type: quorum, retry: { backoff: [5s] }", "4.3.6",
			topology.Arguments{"x-delayed-retry-type": "failed", "x-delayed-retry-min": int64(1000),
				"x-delayed-retry-max": int64(1000)}, true, "the delivery limit of 1 that these steps mean ends them"},
	} {
		want := read(t, "version: 1\nvhost: v\nqueues: { q: { "+x.queue+" } }\n")
		have := &topology.Live{Server: topology.Server{Version: x.version}}
		if x.have != nil {
			x.have["x-queue-type"] = "quorum"
			add(t, &have.State, &topology.Queue{VHost: "v", Name: "q", Type: topology.Quorum, Durable: true, Arguments: x.have})
		}
		plan := plan.Diff(want, have, plan.Options{})
		if plan.Problems.HasErrors() {
			t.Errorf("%s: %v", x.queue, plan.Problems)
		}
		if len(plan.Retries) != 1 || plan.Retries[0].Native != x.native || !strings.Contains(plan.Retries[0].Why, x.why) {
			t.Errorf("%s on %s: %+v, want native %v because %q", x.queue, x.version, plan.Retries, x.native, x.why)
			continue
		}
		waits := 0
		for _, s := range plan.Steps {
			q := s.Want.(*topology.Queue)
			if strings.Contains(q.Name, ".retry.") {
				waits++
			} else if _, native := q.Arguments["x-delayed-retry-type"]; native != x.native {
				t.Errorf("%s on %s: the queue's arguments are %v", x.queue, x.version, q.Arguments)
			}
		}
		if (waits == 0) != x.native {
			t.Errorf("%s on %s: %d wait queues", x.queue, x.version, waits)
		}
		if o, _ := want.Get(topology.Ref{Kind: topology.KindQueue, VHost: "v",
			Name: "q"}); o.(*topology.Queue).Arguments["x-delayed-retry-type"] != nil {
			t.Error("the plan changed what was declared")
		}
	}
}

// TestNativeRetriesGetTheLimitOfTheirSteps: without one the broker goes on to its default. What a
// file declares, or what exists without the argument, stays.
func TestNativeRetriesGetTheLimitOfTheirSteps(t *testing.T) {
	for _, x := range []struct {
		queue string
		have  topology.Arguments
		limit any
	}{
		{"retry: { backoff: [5s, 10s] }", nil, int64(2)},
		{"deliveryLimit: 7, retry: { backoff: [5s, 10s] }", nil, int64(7)},
		{"deliveryLimit: unlimited, retry: { backoff: [5s, 10s] }", nil, int64(-1)},
		{"retry: { backoff: [5s, 10s] }", topology.Arguments{"x-delayed-retry-type": "failed",
			"x-delayed-retry-min": int64(5000), "x-delayed-retry-max": int64(10000)}, nil},
	} {
		have := &topology.Live{Server: topology.Server{Version: "4.3.6"}}
		if x.have != nil {
			x.have["x-queue-type"] = "quorum"
			add(t, &have.State, &topology.Queue{VHost: "v", Name: "q", Type: topology.Quorum, Durable: true, Arguments: x.have})
		}
		p := plan.Diff(read(t, "version: 1\nvhost: v\nqueues: { q: { type: quorum, "+x.queue+" } }\n"), have, plan.Options{})
		if x.have != nil {
			if len(p.Steps) != 0 {
				t.Errorf("%s: what exists is changed: %v", x.queue, p.Steps)
			}
			continue
		}
		found := false
		for _, s := range p.Steps {
			if q, ok := s.Want.(*topology.Queue); ok {
				found = true
				if got := q.Arguments["x-delivery-limit"]; got != x.limit {
					t.Errorf("%s: the delivery limit is %v, want %v", x.queue, got, x.limit)
				}
			}
		}
		if !found {
			t.Errorf("%s: the queue is not made", x.queue)
		}
	}
}

func read(t *testing.T, text string) *topology.State {
	t.Helper()
	_, state, problems := spec.Read([]source.Input{{Name: "t.yaml", Data: []byte(text)}}, spec.Options{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	return state
}

func add(t *testing.T, s *topology.State, o topology.Object) {
	t.Helper()
	if err := s.Add(o, diag.Position{}); err != nil {
		t.Fatal(err)
	}
}
