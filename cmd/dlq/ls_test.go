package dlq

import (
	"context"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// oneQueue is a broker with a dead-letter queue of three messages. What is not here is not asked.
type oneQueue struct{ Broker }

func (oneQueue) Everything(_ context.Context, vhosts []string) (*topology.Live, error) {
	live := &topology.Live{}
	for _, o := range []topology.Object{
		&topology.Queue{VHost: vhosts[0], Name: "work", Type: topology.Classic, Durable: true,
			Arguments: map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}},
		&topology.Queue{VHost: vhosts[0], Name: "dead", Type: topology.Classic, Durable: true},
	} {
		if err := live.Add(o, diag.Position{}); err != nil {
			return nil, err
		}
	}
	return live, nil
}

func (oneQueue) Counts(context.Context, string) (map[string]topology.QueueCounts, error) {
	return map[string]topology.QueueCounts{"work": {Known: true}, "dead": {Ready: 3, Known: true}}, nil
}

func (oneQueue) Ready(_ context.Context, _, queue string) (int64, error) {
	return map[string]int64{"dead": 3}[queue], nil
}

func (oneQueue) Close() {}

func TestList(t *testing.T) {
	var stdout, stderr strings.Builder
	p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &stdout, &stderr, nil),
		Env: func(string) (string, bool) { return "", false }, Colour: terminal.ColourNever}
	c := newListCmd(p, func(context.Context, *profile.Connection, string) (Broker, error) { return oneQueue{}, nil })
	c.SetArgs([]string{"--no-browse", "-o", "ndjson"})
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stdout.String(), `"name":"dead"`) || !strings.Contains(stdout.String(), `"ready":3`) {
		t.Errorf("stdout:\n%s\nstderr:\n%s", stdout.String(), stderr.String())
	}
}
