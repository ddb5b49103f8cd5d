package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// script is a connection that reads what a broker wrote, and keeps what is written.
type script struct {
	net.Conn // nil: deadlines are not used
	in       io.Reader
	out      bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *script) Close() error                { return nil }

func frame(kind byte, channel uint16, payload []byte) []byte {
	out := binary.BigEndian.AppendUint16([]byte{kind}, channel)
	out = binary.BigEndian.AppendUint32(out, uint32(len(payload)))
	return append(append(out, payload...), frameEnd)
}

func call(channel, class, id uint16, args ...byte) []byte {
	payload := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, class), id)
	return frame(frameMethod, channel, append(payload, args...))
}

func deliverHead(tag byte) []byte {
	return call(1, 60, 60, 1, 'c', 0, 0, 0, 0, 0, 0, 0, tag, 0, 0, 1, 'q')
}

// announcing is a content header without properties.
func announcing(size uint64) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64([]byte{0, 60, 0, 0}, size), 0)
}

func deliver(tag byte) []byte {
	return append(deliverHead(tag),
		append(frame(frameHeader, 1, headerOf(1<<12, "\x02")), frame(frameBody, 1, []byte("hello"))...)...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// TestFramesPassesOn: what has nothing to note is passed on byte for byte, however it is cut.
func TestFramesPassesOn(t *testing.T) {
	sent := join([]byte("AMQP\x00\x00\x09\x01"), call(1, 20, 10, 0), call(1, 60, 10, 0, 0, 0, 0, 0, 9, 0),
		call(1, 60, 20, 0, 0, 1, 'q', 1, 'c', 0, 0, 0, 0, 0), call(1, 60, 40, 0, 0, 0, 0, 0),
		frame(frameHeader, 1, headerOf(1<<12, "\x02")), frame(frameBody, 1, bytes.Repeat([]byte("b"), 70_000)),
		frame(frameHeartbeat, 0, nil))
	come := join(call(1, 20, 11, 0, 0, 0, 0), call(1, 60, 11), call(1, 60, 21, 1, 'c'), deliver(1), deliver(2),
		deliverHead(3), frame(frameHeader, 1, announcing(70_000)), frame(frameBody, 1, bytes.Repeat([]byte("b"), 70_000)),
		frame(frameHeartbeat, 0, nil))
	for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader,
		func(r io.Reader) io.Reader { return r }} {
		conn := &script{in: wrap(bytes.NewReader(come))}
		f := NewFrames(conn, Limits{})
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 1+len(rest)/3)
			if _, err := f.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if !bytes.Equal(conn.out.Bytes(), sent) {
			t.Error("other bytes were written")
		}
		got, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(got, come) || f.Violation() != nil {
			t.Errorf("%d of %d bytes came, %v", len(got), len(come), err)
		}
	}
}

// TestFramesEndsAViolation: a broker that sends what it may not is not read any further, and what
// came before is passed on.
func TestFramesEndsAViolation(t *testing.T) {
	ask := join([]byte("AMQP\x00\x00\x09\x01"), call(1, 20, 10, 0), call(1, 60, 10, 0, 0, 0, 0, 0, 2, 0),
		call(1, 60, 20, 0, 0, 1, 'q', 1, 'c', 0, 0, 0, 0, 0))
	ok := join(call(1, 20, 11, 0, 0, 0, 0), call(1, 60, 11), call(1, 60, 21, 1, 'c'))
	for want, bad := range map[string][]byte{
		"3 messages where the prefetch is 2":      join(deliver(1), deliver(2), deliver(3)),
		"a message of 4611686018427387904 bytes":  frame(frameHeader, 1, announcing(1<<62)),
		"nothing asked for (class 85, method 11)": call(1, 85, 11),
		"nothing asked for (class 60, method 11)": call(1, 60, 11),
		"nothing asked for (class 10, method 51)": call(0, 10, 51),
		"a heartbeat on a channel":                frame(frameHeartbeat, 1, nil),
		"a body that is longer than announced": join(deliverHead(1), frame(frameHeader, 1, announcing(4)),
			frame(frameBody, 1, []byte("1234")), frame(frameBody, 1, []byte("5"))),
		"something that is not an AMQP frame": join(call(0, 10, 41, 0), frame(99, 1, nil)),
	} {
		f := NewFrames(&script{in: bytes.NewReader(append(bytes.Clone(ok), bad...))}, Limits{Message: 1 << 20})
		if _, err := f.Write(ask); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		var v *Violation
		if !errors.As(err, &v) || !strings.Contains(err.Error(), want) || f.Violation() == nil {
			t.Errorf("want %q: %v", want, err)
		}
		if !bytes.HasPrefix(got, ok) {
			t.Errorf("%s: %d bytes came before", want, len(got))
		}
	}
}

// TestFramesCountsWhatIsSettled: acknowledgements make room, in any order.
func TestFramesCountsWhatIsSettled(t *testing.T) {
	f := NewFrames(&script{in: bytes.NewReader(nil)}, Limits{})
	pass := func(frames ...[]byte) {
		t.Helper()
		if _, err := f.Write(join(frames...)); err != nil {
			t.Fatal(err)
		}
	}
	pass([]byte("AMQP\x00\x00\x09\x01"), call(1, 20, 10, 0), call(1, 60, 10, 0, 0, 0, 0, 0, 2, 0))
	more := func() error { return f.guard.received(1, basicDeliver) }
	ack := func(tag, bits byte) []byte { return call(1, 60, 80, 0, 0, 0, 0, 0, 0, 0, tag, bits) }
	for i, err := range []error{more(), more()} {
		if err != nil {
			t.Fatal(i, err)
		}
	}
	pass(ack(2, 0))
	if err := more(); err != nil {
		t.Error(err)
	}
	pass(ack(3, 1))
	if err := errors.Join(more(), more()); err != nil {
		t.Error(err)
	}
	if err := more(); err == nil {
		t.Error("three are unsettled where two may be")
	}
}

// tune is connection.tune, or its answer.
func tune(method uint16, frameMax uint32) []byte {
	args := binary.BigEndian.AppendUint32([]byte{0x07, 0xff}, frameMax)
	return call(0, 10, method, append(args, 0, 60)...)
}

// TestFramesRaisesFrameMax: the library is shown no limit, and the broker is answered with its own.
func TestFramesRaisesFrameMax(t *testing.T) {
	greeted, start, later := []byte("AMQP\x00\x00\x09\x01"), call(0, 10, 10, 0), frame(frameHeartbeat, 0, nil)
	for name, c := range map[string]struct{ most, offered, shown, answered, sent uint32 }{
		"usual":                     {4 << 20, 131072, 0, 4 << 20, 131072},
		"no limit":                  {4 << 20, 0, 0, 4 << 20, 4 << 20},
		"more than the client's":    {4 << 20, 8 << 20, 8 << 20, 4 << 20, 4 << 20},
		"the same as the client's":  {4 << 20, 4 << 20, 4 << 20, 4 << 20, 4 << 20},
		"a limit of a few kilobyte": {4 << 20, 4096, 0, 4 << 20, 4096},
		"a client that publishes":   {0, 131072, 131072, 131072, 131072},
	} {
		t.Run(name, func(t *testing.T) {
			conn := &script{in: iotest.OneByteReader(bytes.NewReader(join(start, tune(30, c.offered), later)))}
			f := NewFrames(conn, Limits{Frame: c.most})
			read, err := io.ReadAll(iotest.OneByteReader(f))
			if want := join(start, tune(30, c.shown), later); err != nil || !bytes.Equal(read, want) {
				t.Errorf("the library reads % x\nwant % x (%v)", read, want, err)
			}
			for _, b := range join(greeted, later, tune(31, c.answered), later) {
				if _, err := f.Write([]byte{b}); err != nil {
					t.Fatal(err)
				}
			}
			if want := join(greeted, later, tune(31, c.sent), later); !bytes.Equal(conn.out.Bytes(), want) {
				t.Errorf("the broker reads % x\nwant % x", conn.out.Bytes(), want)
			}
		})
	}
}

// TestFramesPassesWhatIsNoAMQP: another protocol, or an end in the middle, reaches the library as it
// is.
func TestFramesPassesWhatIsNoAMQP(t *testing.T) {
	cut := tune(30, 131072)
	for _, said := range []string{"", "HT", "HTTP/1.1 400 Bad Request", "\x01\x00\x00\x00\x00\x00\x05\x00",
		"\x01\x00\x00\xff\xff\xff\xff\x00", string(cut[:frameMaxAt+2]), string(cut[:len(cut)-1])} {
		read, err := io.ReadAll(NewFrames(&script{in: strings.NewReader(said)}, Limits{}))
		if err != nil || string(read) != said {
			t.Errorf("%q arrives as %q (%v)", said, read, err)
		}
	}
}
