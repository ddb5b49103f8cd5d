package inspect

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// fake is a broker with dead letters, a queue that loses some, and one that is nearly full.
type fake struct {
	asked []string
	all   bool
}

func (f *fake) Health(context.Context, bool) (*health.Facts, error) {
	return &health.Facts{VHosts: []string{"a", "b"}, Queues: []health.Queue{{VHost: "a", Name: "dead"},
		{VHost: "b", Name: "other"}}}, nil
}

func (f *fake) Everything(_ context.Context, vhosts []string) (*topology.Live, error) {
	f.asked = vhosts
	if len(vhosts) == 0 {
		f.all = true
	}
	live := &topology.Live{Status: map[topology.Ref]topology.QueueStatus{
		{Kind: topology.KindQueue, VHost: "a", Name: "dead"}: {Messages: 3, Known: true},
		{Kind: topology.KindQueue, VHost: "a", Name: "work"}: {Messages: 5, Known: true},
	}}
	for _, q := range []*topology.Queue{
		{Name: "work", Arguments: map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead",
			"x-max-length-bytes": int64(1000)}},
		{Name: "lossy", Arguments: map[string]any{"x-dead-letter-exchange": "nowhere"}},
		{Name: "dead"}, {Name: "late-dlq"},
	} {
		q.VHost, q.Type, q.Durable = "a", topology.Classic, true
		if err := live.Add(q, diag.Position{}); err != nil {
			return nil, err
		}
	}
	return live, nil
}

// Ready knows of messages that the list does not have yet, and not what it does have.
func (f *fake) Ready(_ context.Context, _, queue string) (int64, error) {
	if queue != "late-dlq" {
		return 0, errors.New("not asked for")
	}
	return 2, nil
}

func (f *fake) QueueBytes(context.Context, string) (map[string]int64, error) {
	return map[string]int64{"work": 800}, nil
}

func TestRead(t *testing.T) {
	b, vhost := &fake{}, "a"
	i, _, err := Read(t.Context(), b, Options{VHost: &vhost})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.asked) != 1 || b.asked[0] != "a" || len(i.Queues) != 1 {
		t.Errorf("one vhost was meant: asked %v, queues %v", b.asked, i.Queues)
	}
	if len(i.Waiting) != 2 || i.Waiting[0].Queue != "dead" || i.Waiting[0].Ready != 3 || i.Waiting[1].Ready != 2 {
		t.Errorf("waiting: %v", i.Waiting)
	}
	if len(i.Losing) != 1 || i.Losing[0].Queue != "lossy" {
		t.Errorf("losing: %v", i.Losing)
	}
	if len(i.Idle) != 1 || i.Idle[0].Queue != "work" {
		t.Errorf("idle: %v", i.Idle)
	}
	near := 0
	for _, f := range i.Findings {
		if f.Rule == "queue-near-limit" {
			near++
		}
	}
	if near != 1 {
		t.Errorf("%d queues are near their limit in bytes: %v", near, i.Findings)
	}
}

func TestReadAllVHosts(t *testing.T) {
	b := &fake{}
	i, _, err := Read(t.Context(), b, Options{})
	if err != nil || !b.all || len(i.Queues) != 2 {
		t.Errorf("all vhosts were meant: asked %v: %v", b.asked, err)
	}
}

// closedTo is a broker of which a user may read some vhosts only, and no permissions.
type closedTo struct {
	fake
	vhosts []string
}

func (c *closedTo) Everything(ctx context.Context, vhosts []string) (*topology.Live, error) {
	live, err := c.fake.Everything(ctx, vhosts)
	if err != nil {
		return nil, err
	}
	live.ClosedVHosts = c.vhosts
	live.Unreadable = map[topology.Kind]string{topology.KindPermission: "lacks a tag"}
	return live, live.Add(&topology.VHost{Name: "b"}, diag.Position{})
}

// TestReadClosedVHosts: a vhost of others is named and hides nothing. Where all are closed, nothing
// is known.
func TestReadClosedVHosts(t *testing.T) {
	i, _, err := Read(t.Context(), &closedTo{vhosts: []string{"b"}}, Options{})
	if err != nil || len(i.Closed) != 1 || len(i.NotPermitted()) != 0 || len(i.Waiting) != 2 {
		t.Errorf("%v: closed %q, not permitted %q, waiting %v", err, i.Closed, i.NotPermitted(), i.Waiting)
	}
	i, _, err = Read(t.Context(), &closedTo{vhosts: []string{"a", "b"}}, Options{Deep: true})
	if err != nil || !i.Denied(health.PartTopology) || !i.Denied(health.PartPermissions) || len(i.Waiting) != 0 {
		t.Errorf("%v: not permitted %q, waiting %v", err, i.NotPermitted(), i.Waiting)
	}
	for _, r := range health.RunChecks(i, func(id string) bool { return id == "dead-letters" || id == "permissions" }) {
		if r.Status != health.Unknown || !r.NotPermitted {
			t.Errorf("%+v", r)
		}
	}
}

// guarded is a broker with a policy that lifts a delivery limit.
type guarded struct {
	fake
	facts health.Facts
}

func (g *guarded) Health(context.Context, bool) (*health.Facts, error) {
	facts := g.facts
	facts.VHosts = []string{"a"}
	return &facts, nil
}

func (g *guarded) Everything(ctx context.Context, vhosts []string) (*topology.Live, error) {
	live, err := g.fake.Everything(ctx, vhosts)
	if err != nil {
		return nil, err
	}
	return live, live.Add(&topology.Policy{VHost: "a", Name: "msgctl-guard-20250102T030405Z-abc", Pattern: "^dead$",
		ApplyTo: "queues"}, diag.Position{})
}

// TestLiftedLimits: a policy that lifts a limit may be in use. It is reported only of a queue that
// has no consumer, as far as consumers are known.
func TestLiftedLimits(t *testing.T) {
	for name, c := range map[string]struct {
		facts health.Facts
		want  int
	}{
		"no consumer": {health.Facts{}, 1},
		"a consumer":  {health.Facts{Consumers: []health.Consumer{{VHost: "a", Queue: "dead"}}}, 0},
		"unknown":     {health.Facts{Unread: map[health.Part]string{health.PartConsumers: "lacks a tag"}}, 0},
	} {
		i, _, err := Read(t.Context(), &guarded{facts: c.facts}, Options{})
		if err != nil || len(i.Lifted) != c.want {
			t.Fatalf("%s: %v, want %d: %v", name, i.Lifted, c.want, err)
		}
		for _, p := range health.Problems(i.Facts, i.DeadLetters) {
			if p.ID == "limit-lifted" && !strings.HasPrefix(p.Next, "unless that is still running, ") {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}
