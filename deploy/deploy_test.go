// Package deploy holds the files for those who run RabbitMQ in Docker; this test boots real nodes
// with them.
package deploy

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// config returns the settings of rabbitmq.conf but for the paths and ports, which are a
// container's.
func config(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("rabbitmq.conf")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "load_definitions") && !strings.HasPrefix(line, "management.tcp.port") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func TestNodesBootWithTheExample(t *testing.T) {
	definitions, err := os.ReadFile("definitions.json")
	if err != nil {
		t.Fatal(err)
	}
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		n := rabbittest.StartNodeWith(t, b.Line, node.Options{
			Config: config(t), Definitions: string(definitions), Login: "msgctl", Password: "msgctl",
		})
		admin := rabbittest.Of(n).Admin()
		if got, want := names(t, admin, "queues"), []string{
			"dead-letter.queue", "notifications.queue", "orders.created.queue", "orders.paid.queue",
		}; !slices.Equal(got, want) {
			t.Errorf("queues %q; want %q", got, want)
		}
		for _, exchange := range []string{"orders.exchange", "notifications.exchange", "dlx.exchange"} {
			if !slices.Contains(names(t, admin, "exchanges"), exchange) {
				t.Errorf("the exchange %s is missing", exchange)
			}
		}
		var bindings []struct{ Source, Destination string }
		admin.Get(t, rabbittest.Path("exchanges", "/", "dlx.exchange", "bindings", "source"), &bindings)
		if len(bindings) != 2 {
			t.Errorf("dlx.exchange has %d bindings; want 2, or dead letters vanish", len(bindings))
		}
	})
}

func names(t *testing.T, c *rabbittest.Client, kind string) []string {
	t.Helper()
	var objects []struct{ Name string }
	c.Get(t, rabbittest.Path(kind, "/"), &objects)
	var out []string
	for _, o := range objects {
		out = append(out, o.Name)
	}
	slices.Sort(out)
	return out
}
