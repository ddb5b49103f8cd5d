package pipeline

import "github.com/msgctl/msgctl/pkg/topology"

// Bounds of the prefetch.
const (
	// defaultPrefetch keeps the client and the broker from waiting for each other: with a classic
	// queue, a prefetch of 1,000 reached 0.83 to 0.9 of its rate.
	defaultPrefetch = 2500
	// quorumPrefetch is as much as helps with a quorum queue (fact unsettled-slow-down).
	quorumPrefetch = 1000
	// unknownPrefetch is for messages of unknown size.
	unknownPrefetch = 1000
	// prefetchBytes is the maximum size of the messages in one prefetch, at their average size.
	prefetchBytes = 16 << 20
	// maxPrefetch and furtherBytes bound the further sessions of a run that holds very many
	// messages. A connection has 2,047 channels, and the client library buffers deliveries that are
	// not yet read.
	maxPrefetch  = 20000
	furtherBytes = 8 << 20
)

// PrefetchFor returns the prefetch for a queue. mean is the average size of its messages in bytes;
// 0 means that it is unknown.
func PrefetchFor(queueType string, mean int64) int {
	if mean <= 0 {
		return unknownPrefetch
	}
	most := int64(defaultPrefetch)
	if queueType == topology.Quorum {
		most = quorumPrefetch
	}
	return int(min(max(prefetchBytes/mean, 2), most))
}

// sessionPrefetch returns the prefetch of the next session. It grows after held messages filled a
// session. It is at most what Limit leaves, because messages fetched in vain are returned, and a
// quorum queue counts each return. If not every message was one to process, more must be looked at.
// It is at most as many as were looked at so far, so that the number of sessions stays small as
// well.
func (r *run) sessionPrefetch() int {
	if r.narrow() {
		return r.narrowPrefetch()
	}
	prefetch := int64(r.Prefetch)
	if len(r.parked) > 0 && r.received > 0 && (r.Limit <= 0 || r.received > r.attempted) {
		fits := furtherBytes / (r.bytes/r.received + 512)
		prefetch = min(max(fits, prefetch), max(maxPrefetch, prefetch))
	}
	if r.Limit > 0 && !r.confirmedOnly {
		skipped := r.received
		if r.received == r.attempted {
			skipped = 0
		}
		prefetch = min(prefetch, max(r.Limit-r.attempted, skipped, 1))
	}
	return int(prefetch)
}

// Stuffed reports whether held deliveries take up the whole prefetch.
func (s *Session) Stuffed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.heldCount >= int64(s.prefetch)
}
