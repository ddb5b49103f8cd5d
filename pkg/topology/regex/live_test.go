package regex_test

import (
	"fmt"
	"testing"
	"time"

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
			// Queues get a new policy one after the other.
			agreed := 0
			for deadline := time.Now().Add(2 * time.Minute); agreed < 2; {
				differ := disagreement(t, v, text, len(names))
				switch {
				case differ == "":
					agreed++
				case time.Now().After(deadline):
					t.Errorf("%q: %s", text, differ)
					agreed = 2
				default:
					agreed = 0
					time.Sleep(100 * time.Millisecond)
				}
			}
			v.Client().Delete(t, policy)
		}
	})
}

// disagreement compares what the broker applies with what Match says; "" if they agree.
func disagreement(t *testing.T, v *rabbittest.VHost, text string, names int) (differ string) {
	t.Helper()
	var queues []struct {
		Name   string `json:"name"`
		Policy string `json:"policy"`
	}
	v.Client().Get(t, rabbittest.Path("queues", v.Name)+"?disable_stats=true&enable_queue_totals=true", &queues)
	if len(queues) != names {
		t.Fatal(len(queues), "queues")
	}
	expr := regex.Compile(text)
	for _, q := range queues {
		matches, known := expr.Match(q.Name)
		if !known || matches != (q.Policy == "p") {
			differ += fmt.Sprintf("%q: %t (known %t), the broker applies %q; ", q.Name, matches, known, q.Policy)
		}
	}
	return differ
}
