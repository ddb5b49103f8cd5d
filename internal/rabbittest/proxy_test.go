package rabbittest_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
)

// echo returns a proxy in front of an echo server, and a function that connects through the proxy.
func echo(t *testing.T) (*rabbittest.Proxy, func() net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	p := rabbittest.NewProxy(t, "tcp://"+ln.Addr().String())
	return p, func() net.Conn {
		c, err := net.Dial("tcp", p.Through("tcp://x")[len("tcp://"):])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		return c
	}
}

func send(t *testing.T, c net.Conn, n int) {
	t.Helper()
	if _, err := c.Write(bytes.Repeat([]byte("x"), n)); err != nil {
		t.Fatal(err)
	}
}

func TestProxyPassesEverything(t *testing.T) {
	p, dial := echo(t)
	c := dial()
	const size = 1 << 20
	go func() { _, _ = c.Write(make([]byte, size)); _ = c.(*net.TCPConn).CloseWrite() }()
	back, err := io.ReadAll(c)
	if err != nil || len(back) != size {
		t.Errorf("%d bytes came back, %v; want %d", len(back), err, size)
	}
	if p.Passed(rabbittest.ToBroker) != size || p.Passed(rabbittest.ToClient) != size {
		t.Errorf("counted %d and %d bytes", p.Passed(rabbittest.ToBroker), p.Passed(rabbittest.ToClient))
	}
}

func TestProxyCutsAfterExactlyNBytes(t *testing.T) {
	for _, d := range []rabbittest.Direction{rabbittest.ToBroker, rabbittest.ToClient} {
		p, dial := echo(t)
		c := dial()
		p.CutAfter(d, 5000)
		send(t, c, 20000)
		back, err := io.ReadAll(c)
		if err == nil {
			t.Errorf("direction %d: the connection ended in order; want a reset", d)
		}
		if p.Passed(d) != 5000 || len(back) > 5000 || !p.HasCut(d) {
			t.Errorf("direction %d: %d bytes passed, %d came back; want 5000", d, p.Passed(d), len(back))
		}
		p.Heal()
		again := dial()
		send(t, again, 10)
		if _, err := io.ReadFull(again, make([]byte, 10)); err != nil {
			t.Errorf("direction %d: after Heal: %v", d, err)
		}
	}
}

func TestProxyStallsAndHeals(t *testing.T) {
	p, dial := echo(t)
	c := dial()
	p.Stall()
	send(t, c, 10)
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	var timeout net.Error
	if n, err := c.Read(make([]byte, 10)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read %d bytes through a stalled proxy: %v; want a timeout", n, err)
	}
	p.Heal()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(c, make([]byte, 10)); err != nil {
		t.Errorf("after Heal: %v; want the bytes that were held back", err)
	}
}

func TestProxyHoldsAfterExactlyNBytes(t *testing.T) {
	for _, d := range []rabbittest.Direction{rabbittest.ToBroker, rabbittest.ToClient} {
		p, dial := echo(t)
		c := dial()
		p.HoldAfter(d, 5000)
		send(t, c, 20000)
		if _, err := io.ReadFull(c, make([]byte, 5000)); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if n, err := c.Read(make([]byte, 1)); err == nil || n > 0 || p.Passed(d) != 5000 || !p.Held(d) {
			t.Errorf("direction %d: %d bytes passed, held %v; want 5000", d, p.Passed(d), p.Held(d))
		}
		p.Heal()
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.ReadFull(c, make([]byte, 15000)); err != nil || p.Held(d) {
			t.Errorf("direction %d: after Heal: %v; want the bytes that were held back", d, err)
		}
	}
}

func TestProxyCutWhileStalledEnds(t *testing.T) {
	p, dial := echo(t)
	c := dial()
	p.Stall()
	send(t, c, 10)
	p.Cut()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("read through a cut connection")
	}
}

func TestProxySlows(t *testing.T) {
	p, dial := echo(t)
	c := dial()
	p.Slow(10000)
	start := time.Now()
	send(t, c, 5000)
	if _, err := io.ReadFull(c, make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 400*time.Millisecond {
		t.Errorf("5000 bytes at 10000 per second took %s; want about 500ms", took)
	}
}

func TestProxyRefusesNewConnectionsOnly(t *testing.T) {
	p, dial := echo(t)
	old := dial()
	send(t, old, 1)
	if _, err := io.ReadFull(old, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	p.Refuse()
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("a refused connection gave bytes")
	}
	send(t, old, 1)
	if _, err := io.ReadFull(old, make([]byte, 1)); err != nil {
		t.Errorf("the old connection: %v", err)
	}
}

func TestProxyInFrontOfABroker(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		p := rabbittest.NewProxy(t, v.URL)
		conn, err := amqp.Dial(p.Through(v.URL))
		if err != nil {
			t.Fatal(err)
		}
		if p.Connections() != 1 {
			t.Errorf("%d connections; want 1", p.Connections())
		}
		closed := conn.NotifyClose(make(chan *amqp.Error, 1))
		p.Cut()
		select {
		case <-closed: //nolint:errcheck // that it came is all that counts
		case <-time.After(time.Minute):
			t.Error("the client did not notice the cut")
		}
		api := rabbittest.NewProxy(t, v.API)
		client := rabbittest.NewClient(api.Through(v.API))
		client.Get(t, "/api/overview", nil)
		api.CutAfter(rabbittest.ToClient, 100)
		if err := client.Do(http.MethodGet, "/api/overview", nil, nil); err == nil {
			t.Error("an answer cut after 100 bytes was taken for a whole one")
		}
	})
}
