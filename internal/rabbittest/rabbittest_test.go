package rabbittest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

func TestVHostIsOwnAndGoesAway(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		var name, login string
		t.Run("inside", func(t *testing.T) {
			v := b.VHost(t)
			name, login = v.Name, v.Login
			q, err := v.Channel(t).QueueDeclare("q 1/ü", true, false, false, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !v.Client().Exists(t, rabbittest.Path("queues", v.Name, q.Name)) {
				t.Error("the declared queue is not there")
			}
			var over struct {
				Version string `json:"rabbitmq_version"`
			}
			v.Client().Get(t, "/api/overview", &over)
			if !strings.HasPrefix(over.Version, b.Line+".") {
				t.Errorf("line %s runs version %s", b.Line, over.Version)
			}
		})
		if b.Admin().Exists(t, rabbittest.Path("vhosts", name)) {
			t.Errorf("vhost %s is still there after its test", name)
		}
		if b.Admin().Exists(t, rabbittest.Path("users", login)) {
			t.Errorf("user %s is still there after its test", login)
		}
	})
}

func TestOptionsLimitTheUser(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		untagged := v.AddUser(t, rabbittest.Tags())
		var status *rabbittest.StatusError
		err := untagged.Client().Do(http.MethodGet, "/api/overview", nil, nil)
		if !errors.As(err, &status) || status.Status != http.StatusUnauthorized {
			t.Errorf("a user without tags on the API: %v; want 401", err)
		}
		readOnly := v.AddUser(t, rabbittest.Permissions("", "", ".*"))
		_, err = readOnly.Channel(t).QueueDeclare("q", true, false, false, false, nil)
		var refused *amqp.Error
		if !errors.As(err, &refused) || refused.Code != amqp.AccessRefused {
			t.Errorf("declare without configure permission: %v; want 403", err)
		}
		if _, err := amqp.Dial(v.AddUser(t, rabbittest.NoAccess()).URL); err == nil {
			t.Error("a user without access connected to the vhost")
		}
	})
}

func TestVHostBodyAndName(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t, rabbittest.Named("a/b c%ü"), rabbittest.VHostBody(map[string]any{"description": "seen"}))
		v.Channel(t)
		var got struct {
			Name        string `json:"name"`
			Description string `json:"description"`
		}
		v.Client().Get(t, rabbittest.Path("vhosts", v.Name), &got)
		if got.Name != v.Name || got.Description != "seen" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestPrivateNodeOfEachLine(t *testing.T) {
	rabbittest.EachPrivateLine(t, func(t *testing.T, n *node.Node) {
		v := rabbittest.Of(n).VHost(t)
		keepMessage(t, v, nil)
		if err := errors.Join(n.SyncMetadata(t.Context()), n.Kill()); err != nil {
			t.Fatal(err)
		}
		if conn, err := amqp.Dial(v.URL); err == nil {
			_ = conn.Close()
			t.Error("a killed node accepted a connection")
		}
		if err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := kept(t, v); got != 1 {
			t.Errorf("%d messages after kill and restart; want 1", got)
		}
		countWithABusyLeader(t, n)
	})
}

// countWithABusyLeader checks that CountQueue is right although the broker reports a queue as empty
// while its leader does not answer.
func countWithABusyLeader(t *testing.T, n *node.Node) {
	t.Helper()
	v := rabbittest.Of(n).VHost(t)
	keepMessage(t, v, amqp.Table{"x-queue-type": "quorum"})
	ch, other := v.Channel(t), v.Channel(t)
	if err := n.Leader(t.Context(), v.Name, "kept", true); err != nil {
		t.Fatal(err)
	}
	counted := make(chan string)
	go func() {
		q, err := rabbittest.CountQueue(ch, "kept")
		counted <- fmt.Sprint(q.Messages, err)
	}()
	q, err := other.QueueDeclarePassive("kept", true, false, false, false, nil)
	if err != nil || q.Messages != 0 {
		t.Errorf("%d messages, %v: the broker counts without the leader, so this test proves nothing", q.Messages, err)
	}
	if err := n.Leader(t.Context(), v.Name, "kept", false); err != nil {
		t.Fatal(err)
	}
	if got := <-counted; got != "1 <nil>" {
		t.Errorf("counted %s, want 1", got)
	}
	if got := v.Holdings(t); got != "kept holds 1 for 0 consumers, nothing else is ready" {
		t.Errorf("%q", got)
	}
}

func keepMessage(t *testing.T, v *rabbittest.VHost, arguments amqp.Table) {
	t.Helper()
	ch := v.Channel(t)
	if _, err := ch.QueueDeclare("kept", true, false, false, false, arguments); err != nil {
		t.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	sent, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", "kept", true, false,
		amqp.Publishing{DeliveryMode: amqp.Persistent})
	if err != nil || !sent.Wait() {
		t.Fatalf("publish: %v", err)
	}
}

func kept(t *testing.T, v *rabbittest.VHost) int {
	t.Helper()
	q, err := rabbittest.CountQueue(v.Channel(t), "kept")
	if err != nil {
		t.Fatal(err)
	}
	return q.Messages
}
