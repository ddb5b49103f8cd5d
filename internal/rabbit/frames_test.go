package rabbit

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func frameOf(kind byte, payload []byte) []byte {
	b := []byte{kind, 0, 1, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(b[3:], uint32(len(payload)))
	return append(append(b, payload...), 0xCE)
}

// TestTapHearsEveryConfirmHoweverTheBytesCome cuts a stream of frames anywhere.
func TestTapHearsEveryConfirmHoweverTheBytesCome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want []heard
		for range rapid.IntRange(0, 30).Draw(t, "frames") {
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0, 1:
				h := heard{method: rapid.SampledFrom([]uint16{basicAck, basicNack}).Draw(t, "method"),
					tag: rapid.Uint64().Draw(t, "tag"), multiple: rapid.Bool().Draw(t, "multiple")}
				p := binary.BigEndian.AppendUint64([]byte{0, classBasic, 0, byte(h.method)}, h.tag)
				if h.multiple {
					p = append(p, 1)
				} else {
					p = append(p, 0)
				}
				stream, want = append(stream, frameOf(frameMethod, p)...), append(want, h)
			case 2:
				p := append([]byte{0, classBasic, 0, basicReturn, 1, 56, 8}, "NO_ROUTE\x00\x01q"...)
				stream, want = append(stream, frameOf(frameMethod, p)...), append(want, heard{method: basicReturn})
			case 3: // a body that looks like a confirm
				stream = append(stream, frameOf(3, []byte{0, classBasic, 0, basicAck, 0, 0, 0, 0, 0, 0, 0, 9, 1})...)
			case 4:
				stream = append(stream, frameOf(8, nil)...)
			case 5: // another method, perhaps short
				stream = append(stream, frameOf(frameMethod, rapid.SliceOfN(rapid.Just(byte(20)), 0, 40).Draw(t, "other"))...)
			}
		}
		var got []heard
		tap := &tap{report: func(h heard) { got = append(got, h) }}
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "read")
			tap.listen(stream[:n])
			stream = stream[n:]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("heard %v, want %v", got, want)
		}
	})
}

func TestCoalescerWritesAllInOrderAndFewTimes(t *testing.T) {
	client, broker := net.Pipe()
	c := coalesce(client)
	read := make(chan []byte)
	go func() {
		b, err := io.ReadAll(broker)
		if err != nil {
			t.Error(err)
		}
		read <- b
	}()
	var want []byte
	for i := range 20000 {
		p := bytes.Repeat([]byte{byte(i)}, i%97)
		want = append(want, p...)
		if n, err := c.Write(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-read; !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived, want %d, the same", len(got), len(want))
	}
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("wrote behind the end")
	}
}

func TestCoalescerFailsAWriterThatWaits(t *testing.T) {
	for name, fail := range map[string]func(c, peer net.Conn){
		"write deadline": func(c, _ net.Conn) { _ = c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) },
		"peer closes":    func(_, peer net.Conn) { _ = peer.Close() },
		"reading fails": func(c, _ net.Conn) {
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			_, _ = c.Read(make([]byte, 1))
		},
		"close": func(c, _ net.Conn) { go func() { _ = c.Close() }() },
	} {
		t.Run(name, func(t *testing.T) {
			client, peer := net.Pipe() // nobody reads
			defer func() { _ = peer.Close() }()
			c := coalesce(client)
			failed := make(chan error, 1)
			go func() {
				for {
					if _, err := c.Write(make([]byte, 64<<10)); err != nil {
						failed <- err
						return
					}
				}
			}()
			fail(c, peer)
			select {
			case err := <-failed:
				if err == nil {
					t.Error("a failed write has no error")
				}
			case <-time.After(time.Minute):
				t.Fatal("still waiting")
			}
			_ = c.Close() // failed already
		})
	}
}
