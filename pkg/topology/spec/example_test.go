package spec_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

func readExample(t *testing.T) (*spec.Spec, *topology.State) {
	t.Helper()
	file := filepath.Join("..", "..", "..", "examples", "topology.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	s, state, problems := spec.Read([]source.Input{{Name: file, Data: data}}, spec.Options{Exists: exists})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return s, state
}

// TestExample: the example is the article's topology, and the bindings without which its dead
// letters would vanish.
func TestExample(t *testing.T) {
	_, got := readExample(t)
	want := &topology.State{Name: "orders"}
	exchange := func(name, kind string) topology.Object {
		return &topology.Exchange{VHost: "/", Name: name, Type: kind, Durable: true}
	}
	queue := func(name string, args topology.Arguments) topology.Object {
		return &topology.Queue{VHost: "/", Name: name, Type: topology.Classic, Durable: true, Arguments: args}
	}
	binding := func(source, destination, key string) topology.Object {
		return &topology.Binding{VHost: "/", Source: source, Destination: destination, DestinationType: topology.ToQueue,
			RoutingKey: key}
	}
	for _, o := range []topology.Object{
		exchange("orders.exchange", "topic"), exchange("notifications.exchange", "fanout"), exchange("dlx.exchange",
			"direct"),
		queue("orders.created.queue", topology.Arguments{"x-dead-letter-exchange": "dlx.exchange",
			"x-dead-letter-routing-key": "orders.created.dlq", "x-message-ttl": int64(86_400_000)}),
		queue("orders.paid.queue", topology.Arguments{"x-dead-letter-exchange": "dlx.exchange",
			"x-dead-letter-routing-key": "orders.paid.dlq"}),
		queue("notifications.queue", topology.Arguments{"x-max-length": int64(10_000)}), queue("dead-letter.queue", nil),
		binding("orders.exchange", "orders.created.queue", "order.created"), binding("orders.exchange", "orders.paid.queue",
			"order.paid"),
		binding("notifications.exchange", "notifications.queue", ""),
		binding("dlx.exchange", "dead-letter.queue", "orders.created.dlq"), binding("dlx.exchange", "dead-letter.queue",
			"orders.paid.dlq"),
	} {
		if err := want.Add(o, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want.Objects(), got.Objects()); diff != "" || got.Name != want.Name {
		t.Error(got.Name, diff)
	}
}

// TestExampleEvents: the example data of every event is valid, and nothing that is required can be
// left out.
func TestExampleEvents(t *testing.T) {
	s, _ := readExample(t)
	if len(s.Events) != 3 {
		t.Errorf("%d events", len(s.Events))
	}
	for name, e := range s.Events {
		schema := eventSchema(t, name, e)
		if len(e.Examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, example := range e.Examples {
			data := example.Value.(map[string]any)
			if err := schema.Validate(asJSON(t, data)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for field := range data {
				value := data[field]
				delete(data, field)
				if field != "name" && schema.Validate(asJSON(t, data)) == nil {
					t.Errorf("%s: %s may be left out", name, field)
				}
				data[field] = value
			}
		}
	}
}

func eventSchema(t *testing.T, name string, e *spec.Event) *jsonschema.Schema {
	t.Helper()
	doc := e.Schema.Inline
	if file := spec.SchemaPath(e.Schema); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///"+name, asJSON(t, doc)); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("mem:///" + name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func asJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
