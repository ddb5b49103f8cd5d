package event_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/event"
)

func TestKeyTemplate(t *testing.T) {
	e := &event.Envelope{EventType: "order.created", Version: 3, AggregateID: "o-1", AggregateType: "Order",
		Payload: []byte(`{"region":"eu","n":12.50,"ok":true,"deep":{"list":[{"sku":"p7"}]},"a.b":"dot","none":null,"empty":"","":"unnamed","long":"` + strings.Repeat("x", 300) + `"}`)}
	for _, c := range []struct{ template, key, pattern, problem string }{
		{"", "", "", ""},
		{"order.created", "order.created", "order.created", ""},
		{"{eventType}.v{version}", "order.created.v3", "#.#", ""},
		{"orders.{payload.region}.new", "orders.eu.new", "orders.#.new", ""},
		{"{payload.deep.list.0.sku}", "p7", "#", ""},
		{"{payload/a.b}", "dot", "#", ""},
		{"{payload/}", "unnamed", "#", ""},
		{"{payload.n}-{payload.ok}", "12.50-true", "#", ""},
		{"{aggregateType}.{aggregateId}", "Order.o-1", "#.#", ""},
		{"a{{b}}c", "a{b}c", "a{b}c", ""},
		{"{payload.nothing}", "", "#", "nothing at /nothing"},
		{"{payload.none}", "", "#", "has null at /none"},
		{"{payload.empty}", "", "#", "empty text"},
		{"{payload.deep}", "", "#", "an object at /deep"},
		{"{payload.region.x}", "", "#", "nothing at /region/x"},
		{"{payload.long}", "", "#", "longer than AMQP takes"},
	} {
		k, err := event.ParseKey(c.template)
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		key, err := k.Fill(e)
		if key != c.key || (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s gives %q, %v", c.template, key, err)
		}
		if k.Pattern() != c.pattern || k.String() != c.template {
			t.Errorf("%s: pattern %s, text %s", c.template, k.Pattern(), k)
		}
	}
	for template, problem := range map[string]string{
		"a{b": "byte 2: { without }", "a}": "byte 2: } without {", "{}": "{} is nothing",
		"{x}": "{x} is nothing that an event has", "{payload}": "is nothing",
		"{payload.}": "empty name", "{payload.a..b}": "empty name", "{{{x}}}": "byte 3", strings.Repeat("x",
			256): "256 bytes", "\xff": "UTF-8", "{a{b}}": "without }",
	} {
		if _, err := event.ParseKey(template); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v, want %q", template, err, problem)
		}
	}
}

func FuzzKeyTemplate(f *testing.F) {
	for _, s := range []string{"order.created", "{payload.a.b}.x", "{{}}", "{payload/~1/0}", "{version}{eventType}", "{"} {
		f.Add(s, []byte(`{"a":{"b":"x"},"/":["y"]}`))
	}
	f.Fuzz(func(t *testing.T, s string, payload []byte) {
		k, err := event.ParseKey(s)
		if err != nil {
			return
		}
		again, err := event.ParseKey(k.String())
		if err != nil || again.String() != k.String() {
			t.Fatalf("%q is written as %q: %v", s, k, err)
		}
		if _, err := event.ParseDraft(append(append([]byte(`{"eventType":"a","payload":`), payload...), '}')); err != nil {
			return // the payload must be valid JSON
		}
		e := &event.Envelope{EventType: "a.b", Version: 1, Payload: payload}
		key, err := k.Fill(e)
		if len(key) > 255 {
			t.Fatalf("a key of %d bytes", len(key))
		}
		fixed, ok := k.Fixed()
		if ok && (err != nil || key != fixed) {
			t.Fatalf("fixed %q, filled %q, %v", fixed, key, err)
		}
	})
}
