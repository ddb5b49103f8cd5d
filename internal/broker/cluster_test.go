package broker

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// Queues whose only node is down hold a message each that nobody can count: neither a plan nor the
// writer deletes them, and they are back with their node.
func queuesThatAreDown(t *testing.T, first *node.Node) {
	others := 2
	switch first.Line() {
	case "3.10":
		others = 1 // what is left of a cluster of two goes on; from 4.3 on it takes a majority
	case "4.0":
		if rabbittest.Cases(0, 1) == 0 {
			t.Skip("4.0 answers as 4.3 does: a soak starts its three nodes, too")
		}
	}
	nodes := rabbittest.Cluster(t, first, others)
	v := rabbittest.Of(nodes[1]).VHost(t)
	ch := v.Channel(t)
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	queues := map[string]amqp091.Table{
		"classic": nil, // lives where it is declared
		"quorum":  {"x-queue-type": "quorum", "x-quorum-initial-group-size": 1},
		"stream":  {"x-queue-type": "stream", "x-initial-cluster-size": 1},
	}
	for name, args := range queues {
		if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
			t.Fatal(err)
		}
		c, err := ch.PublishWithDeferredConfirm("", name, true, false, amqp091.Publishing{DeliveryMode: amqp091.Persistent})
		if err != nil || !c.Wait() {
			t.Fatal("publish:", err)
		}
	}
	c := newClient(t, through(t, v.User, nodes[0]))
	want := &topology.State{Name: "t", Home: v.Name}
	read := func() *topology.Live {
		live := readLive(t, c, Scope{VHosts: []string{v.Name}})
		var refs []topology.Ref
		for name := range queues {
			refs = append(refs, topology.QueueRef(v.Name, name))
		}
		if err := c.Refine(t.Context(), live, refs); err != nil {
			t.Fatal(err)
		}
		return live
	}
	for ref, o := range read().All() {
		if ref.Kind == topology.KindQueue {
			if err := want.Add(o, diag.Position{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	leadersAreSpread(t, c, v, len(nodes))
	abandoned := &topology.Queue{VHost: v.Name, Name: "abandoned", Type: topology.Classic, Durable: true}
	if _, err := ch.QueueDeclare(abandoned.Name, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := nodes[1].Ctl(t.Context(), "stop_app"); err != nil {
		t.Fatal(err)
	}
	afterAWhile(t, "the queues are down", func() bool {
		down := 0
		for _, s := range read().Status {
			if s.State != "" {
				down++
			}
		}
		return down >= len(queues)
	})
	for _, max := range []int64{0, 100} {
		p := plan.Destroy(want, read(), plan.Options{MaxMessageLoss: max})
		for _, s := range p.Steps {
			if s.Risk.Known || max == 0 && !strings.Contains(s.Blocked, "is in the state ") || max > 0 && s.Blocked != "" {
				t.Errorf("loss of %d allowed: %s: known %v, blocked: %q", max, s.Ref, s.Risk.Known, s.Blocked)
			}
		}
		if len(p.Steps) != len(queues) {
			t.Errorf("loss of %d allowed: %d steps", max, len(p.Steps))
		}
	}
	for _, o := range want.Objects() {
		for _, noLoss := range []topology.DeleteConditions{{IfEmpty: true, IfUnused: true}, {}} {
			mustWrap(t, c.Delete(t.Context(), o, noLoss), topology.ErrInUse, "is in the state")
		}
	}
	downIsKnownOverAMQP(t, newClient(t, through(t, v.User, nodes[0]), noAPI), abandoned)
	stays := c.Delete(t.Context(), abandoned, topology.DeleteConditions{MaxMessages: 100}) != nil
	if _, err := nodes[1].Ctl(t.Context(), "start_app"); err != nil {
		t.Fatal(err)
	}
	afterAWhile(t, "all messages are back", func() bool {
		live := read()
		for name := range queues {
			if s := live.Status[topology.QueueRef(v.Name, name)]; s.State != "" || s.Messages != 1 {
				return false
			}
		}
		return true
	})
	stays = stays || first.Line() == "3.10" // fact down-queue-survives-deletion
	if has := read().Has(abandoned.Ref()); has != stays {
		t.Errorf("a queue that was down, and whose loss was allowed: its deletion failed: %v, it is there: %v", stays, has)
	}
}

// downIsKnownOverAMQP: without the management API, too, a queue that is down exists, and what it
// holds is not known.
func downIsKnownOverAMQP(t *testing.T, c *Client, q *topology.Queue) {
	t.Helper()
	want := state(t, q)
	for _, compare := range []bool{false, true} {
		live, err := c.ReadAMQP(t.Context(), want, compare)
		if err != nil {
			t.Fatal(err)
		}
		if p := plan.Diff(want, live, plan.Options{}); len(p.Steps) > 0 {
			t.Errorf("%s of a queue that is down is planned", p.Steps[0].Action)
		}
		for _, when := range []string{"read", "counted again"} {
			if s := live.Status[q.Ref()]; !live.Has(q.Ref()) || s.State != "down" || s.Known {
				t.Errorf("%s: there: %v, status %+v", when, live.Has(q.Ref()), s)
			}
			if err := c.Refine(t.Context(), live, []topology.Ref{q.Ref()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := c.Delete(t.Context(), q, topology.DeleteConditions{})
	if err == nil || !strings.Contains(err.Error(), q.Name) {
		t.Errorf("its deletion without a loss: %v", err)
	}
}

// through is a user who connects to another node of the cluster.
func through(t *testing.T, u rabbittest.User, n *node.Node) rabbittest.User {
	t.Helper()
	to := func(address, node string) string {
		at, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		host, err := url.Parse(node)
		if err != nil {
			t.Fatal(err)
		}
		at.Host = host.Host
		return at.String()
	}
	u.URL, u.API = to(u.URL, n.URL), to(u.API, n.API)
	return u
}

// afterAWhile waits until ok, at most a minute.
func afterAWhile(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute until %s", what)
		}
	}
}

// leadersAreSpread declares replicated queues, whose leaders begin on all nodes evenly (fact
// leader-is-local), and deletes them.
func leadersAreSpread(t *testing.T, c *Client, v *rabbittest.VHost, nodes int) {
	t.Helper()
	const each = 2
	for i := range nodes * each {
		q := &topology.Queue{VHost: v.Name, Name: fmt.Sprintf("spread.%d", i), Type: topology.Quorum, TypeDeclared: true,
			Durable: true, Arguments: topology.Arguments{}}
		if err := c.Create(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		defer v.Client().Delete(t, rabbittest.Path("queues", v.Name, q.Name))
	}
	leaders := map[string]int{}
	afterAWhile(t, "all leaders are known", func() bool {
		clear(leaders)
		known := 0
		var queues []struct{ Name, Leader string }
		v.Client().Get(t, rabbittest.Path("queues", v.Name), &queues)
		for _, q := range queues {
			if strings.HasPrefix(q.Name, "spread.") && q.Leader != "" {
				leaders[q.Leader]++
				known++
			}
		}
		return known == nodes*each
	})
	for node, n := range leaders {
		if n != each || len(leaders) != nodes {
			t.Errorf("leaders on %s: %d of %v", node, n, leaders)
		}
	}
}
