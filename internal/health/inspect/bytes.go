package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// nearBytes is the part of a limit in bytes, in a hundred, from which a queue is near it, as lint
// has it for messages.
const nearBytes = 80

// nearByteLimits finds queues that are near their limit in bytes. Vhosts without such a limit are not
// asked.
func nearByteLimits(ctx context.Context, b Broker, i *health.Inspection, state *topology.State,
	version string) error {
	for _, vhost := range state.VHosts() {
		limits := byteLimits(state, vhost, version)
		if len(limits) == 0 {
			continue
		}
		sizes, err := b.QueueBytes(ctx, vhost)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(limits)) {
			most, _ := limits[name].Int()
			if size := sizes[name]; size*100 >= most*nearBytes {
				ref := topology.Ref{Kind: topology.KindQueue, VHost: vhost, Name: name}
				i.Findings = append(i.Findings, lint.Finding{
					Rule: "queue-near-limit", Severity: lint.Warning, Object: ref.String(), Ref: ref,
					Message: fmt.Sprintf("its messages take %s of %s (%s)", units.RoundMemory(size), units.RoundMemory(most),
						limits[name].From),
				})
			}
		}
	}
	return nil
}

func byteLimits(state *topology.State, vhost, version string) map[string]route.Setting {
	n := route.New(state, vhost, version)
	limits := map[string]route.Setting{}
	for _, o := range state.Objects() {
		q, ok := o.(*topology.Queue)
		if !ok || q.VHost != vhost || q.Type == topology.Stream { // a stream drops its oldest part by design
			continue
		}
		if limit := n.Settings(q.Name).Get("max-length-bytes"); limit.Value != nil {
			if most, ok := limit.Int(); ok && most > 0 {
				limits[q.Name] = limit
			}
		}
	}
	return limits
}
