package runner

import "sync"

// window remembers the last ids that were handled, in memory that does not grow.
type window struct {
	mu   sync.Mutex
	ring []string
	next int
	seen map[string]struct{}
}

// newWindow returns nil, which remembers nothing, for a size of 0.
func newWindow(size int) *window {
	if size <= 0 {
		return nil
	}
	return &window{ring: make([]string, size), seen: make(map[string]struct{}, size)}
}

func (w *window) has(id string) bool {
	if w == nil || id == "" {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.seen[id]
	return ok
}

func (w *window) add(id string) {
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
