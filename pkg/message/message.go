package message

// Delivery modes of AMQP 0-9-1. Quorum queues and streams store every message, whatever its mode.
const (
	Transient  uint8 = 1
	Persistent uint8 = 2
)

// Message is one message read from, or to be published to, a broker.
//
// A Message is plain data without locks. Body and Headers belong to their creator. Copies of the
// struct share them, so change only a copy of them.
type Message struct {
	Properties

	// Headers is the basic property headers; nil and empty are equivalent.
	Headers Table
	// Exchange and RoutingKey are those of the last publication. After dead-lettering, these are
	// the dead-letter exchange and its routing key. The death history records the original
	// publication, see Deaths.
	Exchange   string
	RoutingKey string
	// Redelivered reports whether the broker has delivered the message before. It says nothing
	// about deaths (fact redelivered-dead-letters).
	Redelivered bool
	// Queue is the queue from which the message was read; "" for a message made to be published.
	Queue string
	// Body is the payload, never decoded or decompressed. Nil and empty are equivalent.
	Body []byte
	// Unread is set if the body was not read: Body is empty then, although the message has one.
	// Headers may be empty, too.
	Unread *Unread
}

// Unread says that the body of a message was not read, and why. Headers may be missing, too. Such a
// message can be shown and left where it is. It must not be published, archived, handled or acknowledged.
type Unread struct {
	// Size is the size of the body in bytes.
	Size int64
	// TooLarge says that the reason is the size of the body.
	TooLarge bool
	// Partial says that headers are missing in the message.
	Partial bool
	// Why is a sentence about the message: "its body has …".
	Why string
}

// Error implements error.
func (u *Unread) Error() string { return u.Why }

// Size returns the size of the body in bytes, also if it was not read.
func (m *Message) Size() int {
	if m.Unread != nil {
		return int(m.Unread.Size)
	}
	return len(m.Body)
}

// Offset returns the position of a message in a stream, from the header that the broker adds. It
// returns false for messages from other queues.
func (m *Message) Offset() (int64, bool) {
	v, ok := m.Headers[HeaderStreamOffset]
	if !ok {
		return 0, false
	}
	return AsInt(v)
}
