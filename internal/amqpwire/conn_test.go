package amqpwire

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// TestSieveLetsTheLibraryEndWhatIsNoAMQP gives it frames that break the protocol: none becomes a
// message, and the library, which owns the connection, sees the frame or an error.
func TestSieveLetsTheLibraryEndWhatIsNoAMQP(t *testing.T) {
	m := &message.Message{Body: []byte("abc")}
	begin := append(deliver(1, false, "x", "k"), header(t, m, 3)...)
	wrongEnd := func(b []byte) []byte { b[len(b)-1] = 0; return b }
	huge := frameOf(frameBody, nil)
	copy(huge[3:], []byte{0x7f, 0xff, 0xff, 0xff})
	for name, stream := range map[string][]byte{
		"method with a wrong end": wrongEnd(deliver(1, false, "x", "k")),
		"body with a wrong end":   append(bytes.Clone(begin), wrongEnd(frameOf(frameBody, m.Body))...),
		"frame over every bound":  append(bytes.Clone(begin), huge...),
		"header without flags":    append(deliver(1, false, "x", "k"), frameOf(frameHeader, make([]byte, contentHead))...),
	} {
		t.Run(name, func(t *testing.T) {
			got, _, ok := weReceive(append(stream, frameOf(frameBody, m.Body)...), 5)
			if ok || len(got) > 0 {
				t.Errorf("%d messages, healthy: %v", len(got), ok)
			}
			if _, fine := libraryReceives(t, stream); fine {
				t.Error("the library likes it")
			}
		})
	}
}

// TestSieveSaysThatTheBrokerLives: without that, the library would end a connection on which
// nothing but deliveries comes.
func TestSieveSaysThatTheBrokerLives(t *testing.T) {
	m := &message.Message{Body: bytes.Repeat([]byte("x"), 3000)}
	one := append(append(deliver(1, false, "x", "k"), header(t, m, 3000)...), frameOf(frameBody, m.Body)...)
	in := NewInbox()
	s := New(&pieces{left: append(one, one...), cut: 1000})
	s.Collect(in)
	s.passedAt = time.Now().Add(-2 * aliveEvery)
	passed, err := io.ReadAll(s)
	if want := frameOf(frameHeartbeat, nil); err != nil || len(passed) != len(want) || passed[0] != frameHeartbeat ||
		passed[7] != frameEnd {
		t.Errorf("passed %x, %v; want one heartbeat", passed, err)
	}
}
