package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/pipelinetest"
	"github.com/msgctl/msgctl/pkg/message"
)

// A message that ends the connection whenever it is delivered is found, before the others have been
// delivered so often that a quorum queue drops them: what is before it goes, and it is named.
func TestReplayFindsWhatEndsTheConnection(t *testing.T) {
	for _, c := range []struct {
		name            string
		every           int64 // message is meant
		prefetch, place int
	}{
		{"in the middle", 1, 50, 120},
		{"at the head", 1, 50, 0},
		{"behind others that stay", 7, 40, 120},
		{"one in hand", 1, 1, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			const n = 200
			b := pipelinetest.New(5, n)
			b.Poison = fmt.Sprintf("id-%d", c.place)
			r, err := Replay(context.Background(), Options{
				From:   From{Source: b, Counter: b, Queue: "dlq", Total: -1, Prefetch: c.prefetch},
				Dialer: b, MaxReplays: -1, timing: fastReconnect(),
				Select: Selection{Where: func(m *message.Message) (bool, error) {
					return m.Headers["n"].(int64)%c.every == 0, nil
				}},
			})
			var stuck *pipeline.StuckError
			if !errors.As(err, &stuck) {
				t.Fatalf("%+v, %v; want a StuckError", r, err)
			}
			before := (int64(c.place) + c.every - 1) / c.every
			if r.Done != before || b.Account(t, n) != 0 || stuck.Position != int64(c.place)-before+1 {
				t.Errorf("%d done, want %d; %v", r.Done, before, err)
			}
			if after := `behind message "id-11`; c.every == 7 && !strings.Contains(err.Error(), after) { // 119 goes
				t.Errorf("%v; want %s", err, after)
			}
			if its, others := b.ReturnsOf(b.Poison); its > 6 || others > 6 {
				t.Errorf("it was returned %d times, others %d times", its, others)
			}
		})
	}
}
