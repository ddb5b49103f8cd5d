package wire

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

func TestCoalescerWritesAllInOrderAndFewTimes(t *testing.T) {
	client, broker := net.Pipe()
	c := Coalesce(client)
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
			c := Coalesce(client)
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
