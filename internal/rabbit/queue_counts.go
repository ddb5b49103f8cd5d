package rabbit

import (
	"context"
	"encoding/json"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/topology"
)

// QueueCounts are the counts of one queue at this moment.
type QueueCounts = topology.QueueCounts

type countsJSON struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Ready   *int64 `json:"messages_ready"`
	Unacked *int64 `json:"messages_unacknowledged"`
}

// Counts returns the counts of every queue of a vhost by three list requests, up to 4 s late for
// quorum queues. The list has none for streams: those are asked for one by one over AMQP, where it
// can be reached. A crashed queue is in the map, too.
func (c *Client) Counts(ctx context.Context, vhost string) (map[string]QueueCounts, error) {
	counts := map[string]QueueCounts{}
	var unknown []string
	name := func(q *countsJSON) string { return q.Name }
	err := listQueues(ctx, c.api, vhost, "name,type,messages_ready,messages_unacknowledged", name,
		func(q *countsJSON) error {
			if q.Ready == nil || q.Unacked == nil {
				if q.Type == topology.Stream {
					unknown = append(unknown, q.Name)
				}
				counts[q.Name] = QueueCounts{}
				return nil
			}
			counts[q.Name] = QueueCounts{Ready: *q.Ready, Unacked: *q.Unacked, Known: true}
			return nil
		})
	if err == nil {
		err = c.countConsumers(ctx, vhost, counts)
	}
	if err != nil {
		return nil, c.explainer("", nil).withOp("count messages").explain(ctx, err)
	}
	return counts, c.countOverAMQP(ctx, vhost, unknown, counts)
}

func (c *Client) countConsumers(ctx context.Context, vhost string, counts map[string]QueueCounts) error {
	type holder struct {
		consumerJSON
		Exclusive bool `json:"exclusive"`
	}
	return list(ctx, c.api, path("consumers", vhost)+"?columns=queue.name,exclusive", func(k *holder) error {
		n := counts[k.Queue.Name]
		n.Consumers++
		n.Exclusive = n.Exclusive || k.Exclusive
		counts[k.Queue.Name] = n
		return nil
	})
}

func (c *Client) countOverAMQP(ctx context.Context, vhost string, names []string, counts map[string]QueueCounts) error {
	if len(names) == 0 {
		return nil
	}
	s, err := c.overAMQP(ctx, vhost)
	if err != nil || s == nil {
		return err
	}
	for _, name := range names {
		status, err := passive(ctx, s, name)
		if err != nil {
			return c.explainer("", nil).withOp("count messages").explain(ctx, err)
		}
		if status != nil {
			n := counts[name]
			n.Ready, n.Known = status.Messages, true
			counts[name] = n
		}
	}
	return nil
}

// Ready returns how many messages of a queue are ready now, by a passive declaration. Without such
// a queue the error wraps topology.ErrMissing. It is 0 also for a quorum queue whose leader is busy
// for longer than 250 ms: see ReadyConsuming.
func (c *Client) Ready(ctx context.Context, vhost, queue string) (int64, error) {
	q, err := c.declarePassive(ctx, vhost, queue)
	return int64(q.Messages), err
}

// ReadyConsuming is Ready for who consumes from the queue at the same time. An answer that knows of
// no consumer is none: the leader of a quorum queue is busy (3.10.8, 4.0.5, 4.3.6). The error wraps
// topology.ErrUnreachable then.
func (c *Client) ReadyConsuming(ctx context.Context, vhost, queue string) (int64, error) {
	q, err := c.declarePassive(ctx, vhost, queue)
	if err == nil && q.Messages == 0 && q.Consumers == 0 {
		return 0, &Error{Op: fmt.Sprintf("count messages of queue %q", queue), Text: "its leader does not answer",
			Kind: topology.ErrUnreachable}
	}
	return int64(q.Messages), err
}

func (c *Client) declarePassive(ctx context.Context, vhost, queue string) (q amqp.Queue, err error) {
	err = c.session(vhost).do(ctx, func(ch *amqp.Channel) (err error) {
		q, err = ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		return err
	})
	return q, c.onQueue("count messages of", vhost, queue).explain(ctx, err)
}

// MessageBytes returns what the messages of a queue take of its limit in bytes, and how many
// messages that was: statistics, which come up to 10 s late (3.10.8, 4.0.5, 4.3.6). bytes is -1
// when the broker does not tell.
func (c *Client) MessageBytes(ctx context.Context, vhost, queue string) (bytes, messages int64, err error) {
	if c.api == nil {
		return -1, 0, nil
	}
	var answer json.RawMessage // of a queue without statistics it is an empty array
	if err := c.api.get(ctx, path("queues", vhost, queue)+"?columns=message_bytes,messages", &answer); err != nil {
		return -1, 0, c.onQueue("measure", vhost, queue).explain(ctx, err)
	}
	var q struct {
		Bytes    *int64 `json:"message_bytes"`
		Messages int64  `json:"messages"`
	}
	if unreadable := json.Unmarshal(answer, &q); unreadable == nil && q.Bytes != nil {
		return *q.Bytes, q.Messages, nil
	}
	return -1, 0, nil
}

// ReadyBytes returns the bytes of the ready messages of every queue of a vhost, by one list
// request: statistics, which come up to 10 s late (3.10.8, 4.0.5, 4.3.6). Queues without statistics
// are left out.
func (c *Client) ReadyBytes(ctx context.Context, vhost string) (map[string]int64, error) {
	type sized struct {
		Name  string `json:"name"`
		Bytes *int64 `json:"message_bytes_ready"`
	}
	sizes := map[string]int64{}
	err := list(ctx, c.api, path("queues", vhost)+"?columns=name,message_bytes_ready", func(q *sized) error {
		if q.Bytes != nil {
			sizes[q.Name] = *q.Bytes
		}
		return nil
	})
	return sizes, c.explainer("", nil).withOp("measure queues").explain(ctx, err)
}

// Purge destroys the ready messages of a queue and returns how many there were.
func (c *Client) Purge(ctx context.Context, vhost, queue string) (int64, error) {
	var gone int64
	err := c.session(vhost).do(ctx, func(ch *amqp.Channel) error {
		n, err := ch.QueuePurge(queue, false)
		gone += int64(n)
		return err
	})
	return gone, c.onQueue("purge", vhost, queue).explain(ctx, err)
}

func (c *Client) onQueue(verb, vhost, queue string) explainer {
	return c.explainer(verb, &topology.Queue{VHost: vhost, Name: queue})
}

// Applied returns the names of the policy and the operator policy that a queue has now, "" for
// none. It asks for the list, which is live: what the API says of a single queue lags up to 7 s
// (3.10.8, 4.0.5, 4.3.6). The list has operator policies on 4.3 only.
func (c *Client) Applied(ctx context.Context, vhost, queue string) (policy, operator string, err error) {
	type policies struct {
		Name     string `json:"name"`
		Policy   string `json:"policy"`
		Operator string `json:"operator_policy"`
	}
	name := func(q *policies) string { return q.Name }
	err = listQueues(ctx, c.api, vhost, "name,policy,operator_policy", name, func(q *policies) error {
		if q.Name == queue {
			policy, operator = q.Policy, q.Operator
		}
		return nil
	})
	if err == nil && operator == "" {
		var q policies
		err = c.api.get(ctx, path("queues", vhost, queue)+"?columns=operator_policy", &q)
		operator = q.Operator
	}
	return policy, operator, c.onQueue("read the policies of", vhost, queue).explain(ctx, err)
}
