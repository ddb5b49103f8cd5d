package runner

import "sync"

// recentIDs remembers the ids of the messages handled last, in bounded memory.
type recentIDs struct {
	mu   sync.Mutex
	ring []string
	next int
	seen map[string]struct{}
}

// newRecentIDs returns nil, which remembers nothing, if size is 0.
func newRecentIDs(size int) *recentIDs {
	if size <= 0 {
		return nil
	}
	return &recentIDs{ring: make([]string, size), seen: make(map[string]struct{}, size)}
}

func (w *recentIDs) has(id string) bool {
	if w == nil || id == "" {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.seen[id]
	return ok
}

func (w *recentIDs) add(id string) {
	if w == nil || id == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.seen[id]; ok {
		return
	}
	if old := w.ring[w.next]; old != "" {
		delete(w.seen, old)
	}
	w.ring[w.next] = id
	w.seen[id] = struct{}{}
	w.next = (w.next + 1) % len(w.ring)
}
