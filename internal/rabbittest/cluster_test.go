package rabbittest_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest"
)

func TestStartCluster(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		nodes := rabbittest.StartCluster(t, b.Line, 3)
		out, err := nodes[2].Ctl(t.Context(), "eval", "length(rabbit_nodes:list_running()).")
		if err != nil || strings.TrimSpace(out) != "3" {
			t.Errorf("nodes that run: %q, %v; want 3", out, err)
		}
	})
}
