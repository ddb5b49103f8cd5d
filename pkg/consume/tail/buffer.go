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
	// At is the time the message arrived.
	At time.Time
	// Dropped is how many messages were dropped just before this one because the reader was slow.
	Dropped int64
	// Gap reports whether the connection was lost before this message. Messages published meanwhile
	// were not seen.
	Gap bool
}

// perItem is the approximate memory cost of a message apart from its body, and perHeader that of
// one decoded header, in bytes.
const perItem, perHeader = 1 << 10, 128

// Cost returns the approximate memory cost of the item, in bytes.
func (i *Item) Cost() int64 {
	return int64(len(i.Message.Body)) + perItem + perHeader*int64(len(i.Message.Headers))
}

// Relay passes items from one goroutine that puts them to one that takes them. It holds up to a
// number of bytes, or one item if that is larger. A slow taker never blocks the other side.
type Relay[T any] struct {
	limit int64
	cost  func(*T) int64

	mu    sync.Mutex
	items []T
	bytes int64
	end   error // no more will be put

	filled chan struct{} // there is something to take, or the end
	freed  chan struct{} // something was taken
}

// NewRelay returns a relay that holds up to limit bytes; cost returns the size of an item.
func NewRelay[T any](limit int64, cost func(*T) int64) *Relay[T] {
	return &Relay[T]{limit: limit, cost: cost, filled: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
}

// Put adds an item. It returns false when there is no room.
func (b *Relay[T]) Put(i *T) bool {
	n := b.cost(i)
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
		signal(b.filled)
	}
	return true
}

// low reports whether at least half of the room is free.
func (b *Relay[T]) low() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes <= b.limit/2
}

// Close states that no more items will follow, and why.
func (b *Relay[T]) Close(why error) {
	b.mu.Lock()
	b.end = why
	b.mu.Unlock()
	signal(b.filled)
}

// Take waits for items and returns all of them. It reuses the memory of into. Items put before
// Close are returned before the reason of Close. The error is the reason given to Close, or ctx's.
func (b *Relay[T]) Take(ctx context.Context, into []T) ([]T, error) {
	clear(into)
	for {
		b.mu.Lock()
		items, end := b.items, b.end
		if len(items) > 0 {
			b.items, b.bytes = into[:0], 0
		}
		b.mu.Unlock()
		if len(items) > 0 {
			signal(b.freed)
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

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
