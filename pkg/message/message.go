package message

// Delivery modes of AMQP 0-9-1. Quorum queues and streams store every message, whatever its mode.
const (
	Transient  uint8 = 1
	Persistent uint8 = 2
)

// Message is one message as it was read from, or will be published to, a broker.
//
// A Message is plain data without locks. Body and Headers belong to whoever made it: they are
// shared by copies of the struct, so change a copy of them, never them.
type Message struct {
	Properties

	// Headers is the basic property of that name; nil and empty are the same message.
	Headers Table
	// Exchange and RoutingKey are those of the last publication, which after dead-lettering are the
	// dead-letter exchange's. How the message was published at first is in its death history, see
	// Deaths.
	Exchange   string
	RoutingKey string
	// Redelivered says that the broker handed the message out before. It tells nothing about
	// deaths: on 4.3 it is true at the first delivery after a reject.
	Redelivered bool
	// Queue is the queue that the message was read from; empty when it was made to be published.
	Queue string
	// Body is the payload, never decoded or decompressed. Nil and empty are the same message.
	Body []byte
}

// Offset returns the position of a message read from a stream, from the header that the broker adds
// there. It is false for messages from other queues.
func (m *Message) Offset() (int64, bool) {
	v, ok := m.Headers[HeaderStreamOffset]
	if !ok {
		return 0, false
	}
	return AsInt(v)
}
