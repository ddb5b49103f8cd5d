package amqp

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/hostile"
)

// TestDialHearsAnInterruptWhileItIdentifiesThePort: what a port speaks that hung up takes seconds
// to find out. The end of the context ends that, and no further connection is opened.
func TestDialHearsAnInterruptWhileItIdentifiesThePort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	connections := make(chan int, 1)
	go func() {
		n := 0
		defer func() { connections <- n }()
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			if n++; n == 1 {
				_ = conn.Close()
			} else {
				interrupt()
			}
		}
	}()
	port := ln.Addr().(*net.TCPAddr).Port
	_, err = New(Options{Host: "127.0.0.1", Port: port, User: "u", Timeout: time.Hour}).Dial(ctx, "/")
	_ = ln.Close()
	if n := <-connections; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "interrupted") || n != 2 {
		t.Errorf("%d connections, %v", n, err)
	}
}

// TestRecoveringWaitsOnceForASilentBroker: a command that asks many questions does not wait for the
// answer to each.
func TestRecoveringWaitsOnceForASilentBroker(t *testing.T) {
	for name, after := range map[string]hostile.Method{"handshake": {}, "channel": hostile.OpenOK} {
		t.Run(name, func(t *testing.T) {
			v := rabbittest.Any(t).VHost(t)
			peer := hostile.New(t, v.URL, hostile.SilentAfter(after))
			user := v.User
			user.URL = peer.Through(v.URL)
			c := newClient(t, user, func(o *Options) { o.Timeout = time.Second }).Recovering(v.Name)
			defer c.Close()
			first := c.Do(t.Context(), func(*amqp091.Channel) error { return nil })
			connections := peer.Struck()
			for range 100 {
				again := c.Do(t.Context(), func(*amqp091.Channel) error { return nil })
				if first == nil || again == nil || again.Error() != first.Error() {
					t.Fatalf("%v, and then %v", first, again)
				}
			}
			if again := peer.Struck(); again != connections {
				t.Errorf("%d connections, and then %d", connections, again)
			}
		})
	}
}

// TestRecoveringWaitsOnceAfterALoss: a broker that falls silent after it has answered is remembered
// as well, although its connection ended while nothing was asked.
func TestRecoveringWaitsOnceAfterALoss(t *testing.T) {
	v := rabbittest.Any(t).VHost(t)
	proxy := rabbittest.NewProxy(t, v.URL)
	user := v.User
	user.URL = proxy.Through(v.URL)
	c := newClient(t, user, func(o *Options) { o.Timeout, o.Reconnect.Attempts = 2*time.Second, 1 }).Recovering(v.Name)
	defer c.Close()
	ask := func() error { return c.Do(t.Context(), func(*amqp091.Channel) error { return nil }) }
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	proxy.Cut()
	for end := time.Now().Add(time.Minute); !c.current.conn.IsClosed(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the connection is still open")
		}
	}
	first := ask()
	if first == nil {
		t.Fatal("a silent broker answered")
	}
	for range 3 {
		if again := ask(); again != first { //nolint:errorlint // a further attempt has an error of its own
			t.Fatalf("%v, and then %v", first, again)
		}
	}
}
