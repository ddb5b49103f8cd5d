package rabbittest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// busyLeader is how long a broker waits for the leader of a quorum queue, less what clocks may
// differ.
const busyLeader = 240 * time.Millisecond

// askAgain bounds how long an answer that may be none is asked for again.
const askAgain = 2 * time.Minute

// CountQueue declares a queue passively: what it has ready, and its consumers. A quorum queue whose
// leader does not answer within 250 ms is said to have neither. On a busy machine that happens, so an
// empty answer that took as long is asked for again.
func CountQueue(ch *amqp.Channel, queue string) (amqp.Queue, error) {
	for end := time.Now().Add(askAgain); ; {
		asked := time.Now()
		q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
		if err != nil || q.Messages+q.Consumers > 0 || time.Since(asked) < busyLeader || time.Now().After(end) {
			return q, err
		}
	}
}

// Holdings says what is ready in each queue of the vhost that holds anything, and how many consumers
// there are: for the message of a test that fails.
func (v *VHost) Holdings(tb testing.TB) string {
	tb.Helper()
	var queues []struct{ Name string }
	if err := v.Broker.Admin().Do("GET", Path("queues", v.Name)+"?disable_stats=true&columns=name", nil, &queues); err != nil {
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
