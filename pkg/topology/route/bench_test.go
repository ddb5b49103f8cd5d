package route_test

import (
	"fmt"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// large returns a state of 10,000 queues and 20,000 bindings: a topic exchange to which every queue
// is bound, a direct exchange, dead letters and policies.
func large(tb testing.TB) *topology.State {
	s := &topology.State{Home: "/"}
	add := func(o topology.Object) {
		if err := s.Add(o, diag.Position{}); err != nil {
			tb.Fatal(err)
		}
	}
	add(exchange("events", "topic", nil))
	add(exchange("direct", "direct", nil))
	for i := range 20 {
		add(policy(fmt.Sprint("p", i), fmt.Sprintf("^team%d\\.", i), "queues", int64(i),
			args{"dead-letter-exchange": "direct", "max-length": int64(1000 + i)}))
	}
	for i := range 10_000 {
		q := fmt.Sprintf("team%d.queue%d", i%20, i)
		add(queue(q, nil))
		pattern := fmt.Sprintf("team%d.order%d.#", i%20, i)
		if i%100 == 0 {
			pattern = fmt.Sprintf("*.order%d.*.done", i)
		}
		add(bind("events", pattern, q))
		add(bind("direct", fmt.Sprintf("team%d.order%d.created", i%20, i), q))
	}
	return s
}

func BenchmarkLoad10000Queues(b *testing.B) {
	s := large(b)
	b.ResetTimer()
	for b.Loop() {
		route.New(s, "/", "")
	}
}

func BenchmarkRouteOneOf20000Bindings(b *testing.B) {
	n := route.New(large(b), "/", "")
	b.ResetTimer()
	for b.Loop() {
		if n.Route(route.Publication{Exchange: "events", Key: "team7.order1007.created"}).Lost() {
			b.Fatal("lost")
		}
	}
}

func BenchmarkRouteAndDeadLetterOneOf20000Bindings(b *testing.B) {
	n := route.New(large(b), "/", "")
	b.ResetTimer()
	for b.Loop() {
		t, err := n.Follow(route.Publication{Exchange: "events", Key: "team7.order1007.created"},
			route.Step{Queue: "team7.queue1007", Reason: route.Rejected})
		if err != nil || t.Lost() {
			b.Fatal(err, "lost")
		}
	}
}

func BenchmarkHostilePatterns(b *testing.B) {
	objects := []topology.Object{exchange("x", "topic", nil)}
	pattern := ""
	for i := range 60 {
		pattern += "#.a."
		q := fmt.Sprint("q", i)
		objects = append(objects, queue(q, nil), bind("x", pattern+"z", q))
	}
	n := network(b, "", objects...)
	key := ""
	for range 126 {
		key += "a."
	}
	b.ResetTimer()
	for b.Loop() {
		n.Route(route.Publication{Exchange: "x", Key: key + "b"})
	}
}
