package hostile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"
)

// Method is an AMQP method: the ids of its class and of the method.
type Method struct{ Class, ID uint16 }

// Methods that a broker sends.
var (
	Start     = Method{10, 10}
	Tune      = Method{10, 30}
	OpenOK    = Method{10, 41}
	ChannelOK = Method{20, 11}
	QosOK     = Method{60, 11}
	ConsumeOK = Method{60, 21}
	Confirm   = Method{60, 80}
	ConfirmOK = Method{85, 11}

	cancel  = Method{60, 30}
	deliver = Method{60, 60}
)

// SilentAfter is a broker that never says anything after a method; after the zero Method, that
// never says anything at all.
func SilentAfter(m Method) Fault {
	return Fault{On: m, Do: func(c *Conn, f Frame) error {
		if err := c.passOn(f); err != nil {
			return err
		}
		return c.Silence()
	}}
}

// HeartbeatsAfter is a broker that sends only heartbeats after a method.
func HeartbeatsAfter(m Method) Fault {
	return Fault{On: m, Do: func(c *Conn, f Frame) error {
		if err := c.passOn(f); err != nil {
			return err
		}
		for {
			if err := c.Send(Frame{Kind: HeartbeatFrame}.Bytes()); err != nil {
				return err
			}
			select {
			case <-c.gone:
				return errHungUp
			case <-time.After(100 * time.Millisecond):
			}
		}
	}}
}

// GarbageAfter is a broker that sends what is no AMQP after a method, without end.
func GarbageAfter(m Method) Fault {
	return Fault{On: m, Do: func(c *Conn, f Frame) error {
		if err := c.passOn(f); err != nil {
			return err
		}
		return c.flood(bytes.Repeat([]byte("\x00\x1b[2J\xff garbage \x07"), 1000))
	}}
}

// Inject is a broker that sends frames that nothing asked for, behind a method, and then goes on as
// it should. The frames get the channel of the method.
func Inject(behind Method, frames ...Frame) Fault {
	return Fault{On: behind, Do: func(c *Conn, f Frame) error {
		if err := c.passOn(f); err != nil {
			return err
		}
		for _, extra := range frames {
			if extra.Kind != HeartbeatFrame {
				extra.Channel = f.Channel
			}
			if err := c.Send(extra.Bytes()); err != nil {
				return err
			}
		}
		return nil
	}}
}

// CancelAtOnce is a broker that ends each consumer as soon as it has begun.
func CancelAtOnce() Fault {
	return Fault{On: ConsumeOK, Do: func(c *Conn, f Frame) error {
		end := Frame{MethodFrame, f.Channel, call(cancel, append(bytes.Clone(f.Payload[4:]), 1)...)}
		return c.Send(append(f.Bytes(), end.Bytes()...))
	}}
}

// DeliverForever is a broker that answers basic.consume with deliveries, each with these frames for
// its content, until the client hangs up.
func DeliverForever(content ...Frame) Fault {
	return Fault{On: ConsumeOK, Do: func(c *Conn, f Frame) error {
		if err := c.Send(f.Bytes()); err != nil {
			return err
		}
		for tag := uint64(1); ; tag++ {
			var out []byte
			args := append(bytes.Clone(f.Payload[4:]), binary.BigEndian.AppendUint64(nil, tag)...)
			args = append(args, 0, 0, 1, 'k') // not redelivered, the default exchange, a key
			out = append(out, Frame{MethodFrame, f.Channel, call(deliver, args...)}.Bytes()...)
			for _, part := range content {
				part.Channel = f.Channel
				out = append(out, part.Bytes()...)
			}
			if err := c.Send(out); err != nil {
				return err
			}
		}
	}}
}

// flood sends bytes until the client hangs up.
func (c *Conn) flood(block []byte) error {
	for {
		if err := c.Send(block); err != nil {
			return err
		}
	}
}

// passOn sends the frame at which a fault begins. At the beginning of a connection there is none.
func (c *Conn) passOn(f Frame) error {
	if f.Kind == 0 {
		return nil
	}
	return c.Send(f.Bytes())
}

// Call returns a method frame.
func Call(m Method, args ...byte) Frame { return Frame{Kind: MethodFrame, Payload: call(m, args...)} }

func call(m Method, args ...byte) []byte {
	payload := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, m.Class), m.ID)
	return append(payload, args...)
}

// Header returns a content header that announces a body of a size, without properties.
func Header(size uint64) Frame {
	return Frame{Kind: HeaderFrame, Payload: append(binary.BigEndian.AppendUint64([]byte{0, 60, 0, 0}, size), 0, 0)}
}

// Body returns a body frame.
func Body(payload []byte) Frame { return Frame{Kind: BodyFrame, Payload: payload} }

// CountOf is a broker without a fault. Struck is the number of connections on which it sent a method.
func CountOf(m Method) Fault { return Inject(m) }

// CutAt is a broker that closes the connection instead of sending a method.
func CutAt(m Method) Fault {
	return Fault{On: m, Do: func(*Conn, Frame) error { return errCut }}
}

// CutAfter is a broker that closes the connection after a method.
func CutAfter(m Method) Fault {
	return Fault{On: m, Do: func(c *Conn, f Frame) error { return errors.Join(c.passOn(f), errCut) }}
}
