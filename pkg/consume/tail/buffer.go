package tail

import (
	"context"
	"sync"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// Item is one message that was seen.
type Item struct {
	Message message.Message
	// At is when it came.
	At time.Time
	// Dropped is how many messages were dropped just before it because the reader was slow.
	Dropped int64
	// Gap says that the connection was lost before it, and that what was published meanwhile was not seen.
	Gap bool
}

// perItem is about what a message costs in memory beside its body; headerFactor what decoding makes of a header's bytes.
const perItem, perHeader = 1 << 10, 128

func cost(m *message.Message) int64 {
	return int64(len(m.Body)) + perItem + perHeader*int64(len(m.Headers))
}

// buffer holds the items between a feed and a reader, up to limit bytes, or one item if that is larger. One goroutine puts and one takes.
type buffer struct {
	limit int64

	mu    sync.Mutex
	items []Item
	bytes int64
	end   error // no more will be put

	filled chan struct{} // there is something to take, or the end
	freed  chan struct{} // something was taken
}

func newBuffer(limit int64) *buffer {
	return &buffer{limit: limit, filled: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
}

// put adds an item. It is false when there is no room.
func (b *buffer) put(i *Item) bool {
	n := cost(&i.Message)
	b.mu.Lock()
	if b.bytes > 0 && b.bytes+n > b.limit {
		b.mu.Unlock()
		return false
	}
	b.items = append(b.items, *i)
	b.bytes += n
	first := len(b.items) == 1
	b.mu.Unlock()
	if first {
		poke(b.filled)
	}
	return true
}

// low says that at least half of the room is free.
func (b *buffer) low() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes <= b.limit/2
}

// close says that there will be no more, and why.
func (b *buffer) close(why error) {
	b.mu.Lock()
	b.end = why
	b.mu.Unlock()
	poke(b.filled)
}

// take waits for items and returns all there are, in exchange for into, whose memory is used again. What was put before the end
// comes before the end.
func (b *buffer) take(ctx context.Context, into []Item) ([]Item, error) {
	clear(into)
	for {
		b.mu.Lock()
		items, end := b.items, b.end
		if len(items) > 0 {
			b.items, b.bytes = into[:0], 0
		}
		b.mu.Unlock()
		if len(items) > 0 {
			poke(b.freed)
			return items, nil
		}
		if end != nil {
			return nil, end
		}
		select {
		case <-b.filled:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Relay passes items on to a reader of its own, so that a slow one holds up nobody. Put and Close are for one goroutine, Take for another.
type Relay struct{ b *buffer }

// NewRelay returns a relay that holds up to limit bytes.
func NewRelay(limit int64) *Relay { return &Relay{newBuffer(limit)} }

// Put adds an item, and is false when there is no room.
func (r *Relay) Put(i *Item) bool { return r.b.put(i) }

// Close says that there will be no more, and what Take returns then.
func (r *Relay) Close(why error) { r.b.close(why) }

// Take is like Tail.Take.
func (r *Relay) Take(ctx context.Context, into []Item) ([]Item, error) { return r.b.take(ctx, into) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
