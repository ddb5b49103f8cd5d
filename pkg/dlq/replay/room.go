package replay

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Room is how much a queue accepts before it drops messages. With drop-head it confirms each
// message and drops the oldest, so a confirm does not mean that all are kept (fact
// drop-head-confirms).
type Room struct {
	// Messages and Bytes are how much more fits; negative is no limit.
	Messages, Bytes int64
	// Headers says that headers count towards Bytes.
	Headers bool
	// Why names the limit, for people.
	Why string
	// DropsSoon reports whether the queue drops a message with this time to live, in milliseconds,
	// too soon for it to count as kept. nil is a queue that keeps all of them.
	DropsSoon func(ttl int64) bool
}

// Expires says why the queue drops a message with this expiration too soon; "" if it does not.
func (r Room) Expires(expiration, queue string) string {
	ms, err := strconv.ParseUint(expiration, 10, 32)
	if err != nil || r.DropsSoon == nil || !r.DropsSoon(int64(ms)) {
		return ""
	}
	return fmt.Sprintf("the message's expiration is %d ms: queue %q drops it if no consumer takes it before, and no "+
		"queue gets its dead letters", ms, queue)
}

// size is the maximum size in bytes that a message counts as towards a limit.
func (r Room) size(m *message.Message) int64 {
	n := int64(len(m.Body))
	if r.Headers {
		n += int64(message.HeadersSize(m.Headers)) + maxShortProperties
	}
	return n
}

// maxShortProperties is the maximum size of the properties other than headers.
const maxShortProperties = 4 << 10

// RoomOf returns the room of a queue when a run begins, and false for a queue that keeps everything.
type RoomOf func(queue string) (Room, bool)

// rooms tracks what still fits into the targets of a run. The zero value accepts everything.
type rooms struct {
	of RoomOf

	mu    sync.Mutex
	known map[string]*Room // nil if there is no limit
}

func newRooms(of RoomOf) *rooms { return &rooms{of: of, known: map[string]*Room{}} }

// Admit implements pipeline.Admission: it takes up the room that a message needs. Messages to an
// exchange are not counted, because it is not certain which queues they reach.
func (r *rooms) Admit(to publish.Target, m *message.Message) (reason Reason, detail string) {
	if r.of == nil || to.Exchange != "" {
		return "", ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	room := r.room(to.Key)
	switch {
	case room == nil:
		return "", ""
	case room.Messages == 0, room.Bytes >= 0 && room.size(m) > room.Bytes:
		return ReasonNoRoom, room.Why
	}
	if why := room.Expires(m.Expiration, to.Key); why != "" {
		return ReasonNoRoom, why
	}
	if room.Messages > 0 {
		room.Messages--
	}
	if room.Bytes >= 0 {
		room.Bytes -= room.size(m)
	}
	return "", ""
}

// Refund implements pipeline.Admission: it frees the room of a message that was not sent.
func (r *rooms) Refund(to publish.Target, m *message.Message) {
	if r.of == nil || to.Exchange != "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	room := r.room(to.Key)
	if room == nil {
		return
	}
	if room.Messages >= 0 {
		room.Messages++
	}
	if room.Bytes >= 0 {
		room.Bytes += room.size(m)
	}
}

// room is called with the lock held.
func (r *rooms) room(queue string) *Room {
	room, asked := r.known[queue]
	if asked {
		return room
	}
	if limited, ok := r.of(queue); ok {
		room = &limited
	}
	r.known[queue] = room
	return room
}

var _ pipeline.Admission = (*rooms)(nil)
