package plan_test

import (
	"fmt"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// large declares n objects as a big installation has them: two fifths queues, two fifths bindings,
// one fifth exchanges.
func large(n int) *topology.State {
	s := &topology.State{Name: "large"}
	add := func(o topology.Object) {
		if err := s.Add(o, diag.Position{File: "large.yaml", Line: s.Len() + 1, Column: 3}); err != nil {
			panic(err)
		}
	}
	for i := range n / 5 {
		add(topologytest.Exchange(fmt.Sprintf("orders.exchange.%05d", i), "topic"))
	}
	for i := range n * 2 / 5 {
		q := topologytest.Queue(fmt.Sprintf("orders.created.queue.%05d", i), "x-message-ttl", 86400000,
			"x-dead-letter-exchange",
			"amq.direct", "x-max-length", 1000+i%3)
		add(q)
		b := topologytest.Bind(fmt.Sprintf("orders.exchange.%05d", i/2), q.Name, fmt.Sprintf("order.created.%d", i))
		if i%2 == 0 {
			b.Arguments = topology.Arguments{"x-match": "all", "region": "eu"}
		}
		add(b)
	}
	return s
}

// deployed returns large(n) as a broker has it after an apply.
func deployed(s *topology.State) *topology.Live {
	m := topologytest.NewBroker("/")
	for ref, o := range s.All() {
		m.Objects[ref] = o
	}
	m.Owns(s.Name, s.Objects()...)
	l := m.Live()
	l.Server.ExchangeTypes = []string{"direct", "fanout", "topic", "headers"}
	return l
}

func benchmarkDiff(b *testing.B, want *topology.State, have *topology.Live, steps int) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if p := plan.Diff(want, have, everything); len(p.Steps) != steps || len(p.Problems) > 0 {
			b.Fatalf("%d steps, %d problems", len(p.Steps), len(p.Problems))
		}
	}
}

func BenchmarkDiff10000(b *testing.B) {
	want := large(10000)
	b.Run("equal", func(b *testing.B) { benchmarkDiff(b, want, deployed(large(10000)), 0) })
	b.Run("create", func(b *testing.B) { benchmarkDiff(b, want, topologytest.NewBroker("/").Live(), 10000) })
	b.Run("prune", func(b *testing.B) { benchmarkDiff(b, topologytest.State(), renamed(deployed(want)), 6000) })
	changed := large(10000)
	for _, o := range changed.Objects() {
		if q, ok := o.(*topology.Queue); ok {
			q.Arguments["x-message-ttl"] = int64(1000)
		}
	}
	b.Run("replace", func(b *testing.B) { benchmarkDiff(b, want, deployed(changed), 8000) })
}

// renamed makes the topology "t" the owner.
func renamed(l *topology.Live) *topology.Live {
	l.Ownership = map[string]topology.Ownership{"t": {Name: "t", Refs: l.Ownership["large"].Refs}}
	return l
}

func BenchmarkOwnership10000(b *testing.B) {
	o := deployed(large(10000)).Ownership["large"]
	text, err := o.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			if _, err := o.Encode(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(text)), "bytes")
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := topology.DecodeOwnership("large", text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
