package declare

import (
	"testing"

	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// FuzzWith takes live values out of any refusal.
func FuzzWith(f *testing.F) {
	f.Add("PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'Q' in vhost 'V': received '2000' but " +
		"current " +
		"is '1000'")
	f.Add("inequivalent arg 'x-queue-type' for queue 'Q' in vhost 'V': received none but current is the value 'quorum' " +
		"of " +
		"type 'longstr'")
	f.Add("inequivalent arg 'durable' for exchange 'x' in vhost 'V': received 'true' but current is 'false'")
	queue := &topology.Queue{VHost: "v", Name: "q", Type: topology.Quorum, Arguments: topology.Arguments{"x": "y"}}
	exchange := &topology.Exchange{VHost: "v", Name: "x", Type: "topic"}
	f.Fuzz(func(t *testing.T, text string) {
		r := refusal.Parse(text)
		for _, o := range []topology.Object{queue, exchange} {
			if next, ok := with(o, r); ok && next.Ref() != o.Ref() {
				t.Errorf("%s became %s", o.Ref(), next.Ref())
			}
		}
	})
}
