package apply_test

import (
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// TestRetriesEndOnBrokers: a queue that delays retries itself gives a message as often as its steps
// say, and then it is a dead letter, whoever rejects it.
func TestRetriesEndOnBrokers(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		if b.Line != "4.3" {
			t.Skip("only 4.3 delays retries itself")
		}
		v := b.VHost(t)
		_, want, problems := spec.Read([]source.Input{{Name: "t.yaml",
			Data: []byte("version: 1\nname: '" + v.Name + "'\nvhost: '" +
				v.Name + "'\n" +
				"queues:\n  q: { type: quorum, deadLetter: dead, retry: { backoff: [100ms, 200ms] } }\n" +
				"  dead: { type: classic }\n")}}, spec.Options{})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		t.Cleanup(func() {
			b.Admin().Delete(t, rabbittest.Path("global-parameters", topology.OwnershipParameter(v.Name)))
		})
		advance(t, brokertest.Connect(t, rabbittest.User{URL: b.URL, API: b.API}), want)
		ch := v.Channel(t)
		if err := ch.PublishWithContext(t.Context(), "", "q", false, false,
			amqp091.Publishing{MessageId: "m"}); err != nil {
			t.Fatal(err)
		}
		deliveries, err := ch.Consume("q", "", false, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		dead, err := ch.Consume("dead", "", true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		for given := 0; ; {
			select {
			case d := <-deliveries:
				given++
				if err := d.Reject(true); err != nil || given > 10 {
					t.Fatalf("delivery %d: %v", given, err)
				}
				continue
			case <-t.Context().Done():
				t.Fatalf("after %d deliveries: %v", given, t.Context().Err())
			case d := <-dead:
				if given != 3 || d.MessageId != "m" {
					t.Errorf("dead after %d deliveries, want 3", given)
				}
			}
			break
		}
		if q, ok := want.Get(topology.Ref{Kind: topology.KindQueue, VHost: v.Name, Name: "q"}); !ok ||
			q.(*topology.Queue).Arguments["x-delivery-limit"] != nil {
			t.Error("what was declared has changed")
		}
	})
}
