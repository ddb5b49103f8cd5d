package replay

import (
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

// RoomOf returns the room of a queue when a run begins, and false for a queue that drops nothing.
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
	if m.Expiration == "0" {
		return ReasonNoRoom, "its expiration is 0: a queue without an idle consumer drops it at once"
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
