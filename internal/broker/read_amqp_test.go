package broker

import (
	"fmt"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
)

func TestReadAMQP(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		u := v.AddUser(t, rabbittest.Tags()) // no management
		c := newClient(t, u, noAPI)
		queue := func(name, kind string, durable bool, args topology.Arguments) *topology.Queue {
			return &topology.Queue{VHost: v.Name, Name: name, Type: kind, TypeDeclared: true, Durable: durable, Arguments: args}
		}
		exchange := func(name, kind string, durable bool, args topology.Arguments) *topology.Exchange {
			return &topology.Exchange{VHost: v.Name, Name: name, Type: kind, Durable: durable, Arguments: args}
		}
		live := []topology.Object{
			queue("same", topology.Quorum, true, topology.Arguments{"x-message-ttl": int64(5)}),
			queue("differs", topology.Classic, true, topology.Arguments{"x-message-ttl": int64(500000),
				"x-dead-letter-exchange": "d", "x-single-active-consumer": true}),
			exchange("same", "topic", true, nil),
			&topology.Queue{VHost: v.Name, Name: "untyped", Type: topology.Classic, Durable: true},
			exchange("differs", "topic", true, topology.Arguments{"alternate-exchange": "y"}),
		}
		create(t, c, live...)
		fill(t, v, "differs", 2)
		wanted := state(t, live[0], live[2],
			queue("differs", topology.Classic, false, topology.Arguments{"x-message-ttl": int64(6), "x-max-length": int64(1)}),
			exchange("differs", "direct", false, nil),
			queue("untyped", topology.Quorum, true, nil),
			queue("missing", topology.Classic, true, nil), exchange("missing", "direct", true, nil),
			&topology.Queue{VHost: "no such vhost", Name: "q", Type: topology.Classic},
			&topology.Binding{VHost: v.Name, Source: "same", Destination: "same", DestinationType: topology.ToQueue},
		)
		for _, compare := range []bool{false, true} {
			got, err := c.ReadAMQP(t.Context(), wanted, compare)
			if err != nil {
				t.Fatal(err)
			}
			if got.Len() != 5 || fmt.Sprint(got.MissingVHosts) != "[no such vhost]" ||
				got.Unreadable[topology.KindBinding] == "" || got.Unreadable[topology.KindPolicy] == "" {
				t.Errorf("read %d objects, missing %q, unreadable %v", got.Len(), got.MissingVHosts, got.Unreadable)
			}
			if s := got.Status[live[1].Ref()]; s.Messages != 2 || !s.Known {
				t.Errorf("status %+v", s)
			}
			if !got.Server.AMQPOnly || got.Server.Version == "" {
				t.Errorf("server %+v", got.Server)
			}
			for _, o := range live {
				if compare {
					sameFields(t, got, o)
				} else if want, _ := wanted.Get(o.Ref()); want != nil {
					sameFields(t, got, want)
				}
			}
		}
		if exists(t, v, "queues", "missing") || exists(t, v, "exchanges", "missing") {
			t.Error("reading created something")
		}
		err := c.Create(t.Context(), &topology.Policy{VHost: v.Name, Name: "p"})
		mustWrap(t, err, topology.ErrAPI, "management API")
		_, err = c.ReadLive(t.Context(), Scope{})
		mustWrap(t, err, topology.ErrAPI)
	})
}
