package rabbittest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// busyLeader is how long the broker waits for the leader of a quorum queue, minus a tolerance for
// differences between clocks.
const busyLeader = 240 * time.Millisecond

// askAgain limits how long CountQueue repeats a request whose empty answer may be wrong.
const askAgain = 2 * time.Minute

// CountQueue declares a queue passively and returns its numbers of ready messages and consumers. If
// the leader of a quorum queue does not answer within 250 ms, the broker reports zero for both.
// This happens on a busy machine, so CountQueue repeats the request if an empty answer took about
// that long, for at most two minutes.
func CountQueue(ch *amqp.Channel, queue string) (amqp.Queue, error) {
	for end := time.Now().Add(askAgain); ; {
		asked := time.Now()
		q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
		if err != nil || q.Messages+q.Consumers > 0 || time.Since(asked) < busyLeader || time.Now().After(end) {
			return q, err
		}
	}
}

// DeclareQueue declares a durable queue and returns the channel to use from then on. A broker that
// is too busy to start a quorum queue in time closes the connection (541, cluster_not_formed).
// DeclareQueue then repeats the request on another one, for at most two minutes.
func (v *VHost) DeclareQueue(t *testing.T, ch *amqp.Channel, queue string, args amqp.Table) *amqp.Channel {
	t.Helper()
	for end := time.Now().Add(askAgain); ; {
		_, err := ch.QueueDeclare(queue, true, false, false, false, args)
		var refused *amqp.Error
		switch {
		case err == nil:
			return ch
		case !errors.As(err, &refused) || refused.Code != amqp.InternalError || time.Now().After(end):
			t.Fatal(err)
		}
		ch = v.Channel(t)
	}
}

// Holdings describes the ready messages and the consumers of every queue in the vhost that has any.
// It is meant for failure messages, so it returns errors as text.
func (v *VHost) Holdings(tb testing.TB) string {
	tb.Helper()
	var queues []struct{ Name string }
	names := Path("queues", v.Name) + "?disable_stats=true&columns=name"
	if err := v.Broker.Admin().Do("GET", names, nil, &queues); err != nil {
		return err.Error()
	}
	conn, err := amqp.Dial(v.URL)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close() }()
	var out []string
	for _, q := range queues {
		ch, err := conn.Channel()
		if err != nil {
			return err.Error()
		}
		n, err := CountQueue(ch, q.Name)
		switch {
		case err != nil:
			out = append(out, fmt.Sprintf("%s: %v", q.Name, err))
		case n.Messages+n.Consumers > 0:
			out = append(out, fmt.Sprintf("%s holds %d for %d consumers", q.Name, n.Messages, n.Consumers))
		}
	}
	return strings.Join(append(out, "nothing else is ready"), ", ")
}
