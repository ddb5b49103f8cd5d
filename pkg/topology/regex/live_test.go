package regex_test

import (
	"fmt"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology/regex"
)

// Brokers judge names as Match does.
func TestBrokersAgree(t *testing.T) {
	names := []string{"orders", "orders.dlq", "orders.retry", "dead", "prod.orders", "aa", "aab", "\u00e9t\u00e9", "v2 x"}
	texts := []string{`^(?!amq\.).*`, `^(?!amq\.|dead).*`, `^(?!.*\.(dlq|retry)$)`, `(?<!\.retry)$`, `^(?=.*orders).*q$`,
		`^(a)\1$`, `^(?>a+)b`, `^[^.]+$`, `(?i)^ORDERS`, `^(?!(dead|aa).*)`, `^\w+\z`, `x$`}
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		for _, name := range names {
			v.Client().Put(t, rabbittest.Path("queues", v.Name, name), map[string]any{"durable": true})
		}
		for i, text := range texts {
			policy := rabbittest.Path("policies", v.Name, "p")
			v.Client().Put(t, policy, map[string]any{"pattern": text, "apply-to": "queues",
				"definition": map[string]any{"max-length": i + 1}, "priority": i})
			var queues []struct {
				Name   string `json:"name"`
				Policy string `json:"policy"`
			}
			v.Client().Get(t, rabbittest.Path("queues", v.Name)+"?disable_stats=true&enable_queue_totals=true", &queues)
			if len(queues) != len(names) {
				t.Fatal(len(queues), "queues")
			}
			expr := regex.Compile(text)
			for _, q := range queues {
				matches, known := expr.Match(q.Name)
				if fmt.Sprint(matches, known) != fmt.Sprint(q.Policy == "p", true) {
					t.Errorf("%q with %q: %t (known %t), the broker applies %q", text, q.Name, matches, known, q.Policy)
				}
			}
			v.Client().Delete(t, policy)
		}
	})
}
