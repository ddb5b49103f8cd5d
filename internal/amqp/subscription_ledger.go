package amqp

import (
	"fmt"
	"sync"
)

// ledger knows which deliveries wait for settlement. In-order settlement, the usual case, costs it
// no memory.
type ledger struct {
	mu      sync.Mutex
	handed  uint64              // the highest tag handed out
	settled uint64              // all tags up to it are settled
	ahead   map[uint64]struct{} // settled tags above
	drained bool                // the broker has delivered nothing beyond handed
}

func (l *ledger) hand(tag uint64) { l.mu.Lock(); l.handed = tag; l.mu.Unlock() }
func (l *ledger) drain()          { l.mu.Lock(); l.drained = true; l.mu.Unlock() }

// settle notes a settlement, or refuses one that the broker would not understand.
func (l *ledger) settle(tag uint64, multiple bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, already := l.ahead[tag]
	switch {
	case tag == 0 || tag > l.handed:
		return fmt.Errorf("delivery tag %d was not handed out: the last one is %d", tag, l.handed)
	case tag <= l.settled, already && !multiple:
		return fmt.Errorf("delivery tag %d is settled already", tag)
	}
	switch {
	case multiple:
		for t := range l.ahead {
			if t <= tag {
				delete(l.ahead, t)
			}
		}
		l.settled = tag
	case tag == l.settled+1:
		l.settled = tag
	default:
		if l.ahead == nil {
			l.ahead = map[uint64]struct{}{}
		}
		l.ahead[tag] = struct{}{}
	}
	for len(l.ahead) > 0 {
		if _, next := l.ahead[l.settled+1]; !next {
			break
		}
		l.settled++
		delete(l.ahead, l.settled)
	}
	return nil
}

// clear reports whether nothing waits for settlement, not even deliveries under way.
func (l *ledger) clear() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drained && l.settled == l.handed
}
