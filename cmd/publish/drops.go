package publish

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// dropFinder finds queues that confirm messages and then drop them or older ones: a length limit
// with drop-head, or a message-ttl of 0, by an argument or a policy (fact drop-head-confirms).
type dropFinder struct {
	vhost string
	// live is the broker's state, file that of the topology file. Each may be nil. The broker's
	// settings of a queue win, because the file may not have been applied.
	live, file *topology.Live

	targets map[publish.Target]bool
	told    map[string]bool
}

func newDropFinder(vhost string, live *topology.Live, file *topology.State) *dropFinder {
	f := &dropFinder{vhost: vhost, live: live, targets: map[publish.Target]bool{}, told: map[string]bool{}}
	if file != nil {
		f.file = &topology.Live{State: *file}
	}
	return f
}

// of describes which of some queues drop messages, each queue once.
func (f *dropFinder) of(queues []string) (texts []string) {
	for _, q := range queues {
		if f.told[q] {
			continue
		}
		f.told[q] = true
		source := f.file
		if f.live != nil && (source == nil || f.live.Has(topology.Ref{Kind: topology.KindQueue, VHost: f.vhost, Name: q})) {
			source = f.live
		}
		if source != nil {
			texts = append(texts, vhost.Drops(source, f.vhost, []string{q})...)
		}
	}
	return texts
}

// maxTargets is how many targets a dropFinder looks at: each event may have a key of its own.
const maxTargets = 10_000

// reachedBy is like of, for the queues that get copies of messages published to a target. It
// answers once for each of the first maxTargets targets.
func (f *dropFinder) reachedBy(t publish.Target) []string {
	if f.targets[t] || len(f.targets) >= maxTargets {
		return nil
	}
	f.targets[t] = true
	source, version := f.file, ""
	if f.live != nil {
		source, version = f.live, f.live.Server.Version
	}
	if source == nil {
		return nil
	}
	reach := discover.Reaches(&source.State, f.vhost, version, t)
	return f.of(slices.Concat(reach.Sure, reach.Possible))
}

// maxPreviewTime limits how long the settings of queues are read for a preview or a notice.
const maxPreviewTime = 5 * time.Second

// readForPreview reads the vhost, with a time limit.
func readForPreview(ctx context.Context, b Broker, vhost string) (*topology.Live, error) {
	ctx, cancel := context.WithTimeout(ctx, maxPreviewTime)
	defer cancel()
	live, err := b.Everything(ctx, []string{vhost})
	switch {
	case err != nil:
		return nil, err
	case len(live.MissingVHosts) > 0:
		return nil, fmt.Errorf("vhost %q does not exist, or this user has no permission to see it", vhost)
	case live.Unreadable[topology.KindQueue] != "":
		return nil, fmt.Errorf("its queues cannot be read: %s", live.Unreadable[topology.KindQueue])
	}
	return live, nil
}

// namesBroker reports whether a flag, a variable or a context names the broker.
func namesBroker(conn *profile.Connection) bool { return conn.Sources["url"] != "default" }

// tellDrops returns a function that tells, once for each queue, that messages to a target reach
// queues that drop messages. It reads the broker first. If the broker cannot be read, publishing
// continues, and only the topology file is checked.
func tellDrops(ctx context.Context, b Broker, vhost string, file *topology.State,
	tell func(string)) func(publish.Target) {
	live, _ := readForPreview(ctx, b, vhost)
	f := newDropFinder(vhost, live, file)
	return func(t publish.Target) {
		for _, text := range f.reachedBy(t) {
			tell(text + ". A confirm does not mean that the message is kept.")
		}
	}
}
