package broker

import (
	"fmt"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
	"github.com/msgctl/msgctl/pkg/topology"
)

// The list with counts lacks queues that have crashed, and all of them while the node is not done
// booting.
func noQueueIsLeftOut(t *testing.T, n *node.Node) {
	v := rabbittest.Of(n).VHost(t)
	c := newClient(t, v.User)
	var queues []*topology.Queue
	for i := range 20 {
		q := &topology.Queue{VHost: v.Name, Name: fmt.Sprint("q", i), Type: topology.Classic, Durable: true,
			Arguments: map[string]any{"x-max-length": int64(5)}}
		queues = append(queues, q)
		create(t, c, q)
	}
	eval := func(code string) {
		t.Helper()
		if _, err := n.Eval(t.Context(), code); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string, booting bool) { // 4.3 refuses some of the questions about its health while it boots
		t.Helper()
		live := readLive(t, c, Scope{VHosts: []string{v.Name}})
		counts, err := c.Counts(t.Context(), v.Name)
		if err != nil {
			t.Fatal(err)
		}
		facts, err := c.Health(t.Context(), false)
		inHealth := map[string]bool{}
		if err == nil {
			for _, q := range facts.Queues {
				inHealth[q.Name] = true
			}
		} else if !booting {
			t.Fatal(err)
		}
		for _, q := range queues {
			o, ok := live.Get(q.Ref())
			if !ok {
				t.Errorf("%s: queue %s is not read", when, q.Name)
			} else if got := o.(*topology.Queue); got.Type != q.Type || !got.Durable ||
				fmt.Sprint(got.Arguments) != fmt.Sprint(q.Arguments) {
				t.Errorf("%s: queue %s is read as %+v", when, q.Name, got)
			}
			if _, ok := counts[q.Name]; !ok {
				t.Errorf("%s: queue %s is not counted", when, q.Name)
			}
			if err == nil && !inHealth[q.Name] {
				t.Errorf("%s: queue %s is not looked at", when, q.Name)
			}
		}
	}
	check("in peace", false)
	eval(fmt.Sprintf(`[begin
		{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"%s">>, queue, <<"q7">>)),
		exit(amqqueue:get_pid(Q), boom),
		timer:sleep(100)
		end || _ <- lists:seq(1, 20)].`, v.Name))
	check("after q7 has crashed", false)
	eval("rabbit_boot_state:set(core_started).")
	check("while the node boots", true)
	eval("rabbit_boot_state:set(ready).")
}
