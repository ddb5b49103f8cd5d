package amqp

import (
	"errors"
	"io"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
	"github.com/msgctl/msgctl/pkg/consume"
)

// settledWaitsForABusyLeader: a quorum queue whose leader does not answer is said to have
// neither messages nor consumers. Nothing is applied then, and what is acknowledged and closed
// behind comes back.
func settledWaitsForABusyLeader(t *testing.T, n *node.Node) {
	v := rabbittest.Of(n).VHost(t)
	// rabbitmqctl, which resumes the leader, may take a minute to start on a busy machine.
	c := newClient(t, v.User, func(o *Options) { o.Timeout = 5 * time.Minute })
	declareQueue(t, v, "q", amqp091.Table{"x-queue-type": "quorum"})
	load(t, c, v.Name, "q", 1000)
	sub := subscribe(t, c, v.Name, consume.Options{Queue: "q", Prefetch: 1000})
	tags := hoard(t, sub, 1000)
	if err := sub.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Fatalf("Next after Cancel: %v", err)
	}
	suspend := func(yes bool) {
		if err := n.Leader(t.Context(), v.Name, "q", yes); err != nil {
			t.Fatal(err)
		}
	}
	suspend(true)
	for _, tag := range tags {
		if err := sub.Ack(tag, false); err != nil {
			t.Fatal(err)
		}
	}
	settled := make(chan error, 1)
	go func() { settled <- sub.Settled(t.Context()) }()
	select {
	case err := <-settled:
		t.Errorf("settled without the leader: %v", err)
		settled <- nil
	case <-time.After(time.Second):
	}
	suspend(false)
	if err := <-settled; err != nil {
		t.Error(err)
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // whatever comes back does so now
	if back := ready(t, v, "q"); back != 0 {
		t.Errorf("%d came back", back)
	}
	// Without Settled they do, so this test could fail.
	load(t, c, v.Name, "q", 1000)
	sub = subscribe(t, c, v.Name, consume.Options{Queue: "q", Prefetch: 1000})
	tags = hoard(t, sub, 1000)
	suspend(true)
	if n, err := sub.(consume.Counter).Ready(t.Context()); n >= 0 || err != nil {
		t.Errorf("without a leader the queue has %d messages, %v", n, err)
	}
	for _, tag := range tags {
		if err := sub.Ack(tag, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	suspend(false)
	for deadline := time.Now().Add(time.Minute); ready(t, v, "q") == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing comes back without Settled either: this test proves nothing")
		}
	}
}
