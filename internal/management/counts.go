package management

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

type countsJSON struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Ready   *int64 `json:"messages_ready"`
	Unacked *int64 `json:"messages_unacknowledged"`
}

// Counts returns the counts of every queue of a vhost by three list requests, up to 4 s late for
// quorum queues. The list has none for streams, whose names are in streams. A crashed queue is in
// the map, too.
func (c *Client) Counts(ctx context.Context, vhost string) (counts map[string]topology.QueueCounts, streams []string,
	err error) {
	counts = map[string]topology.QueueCounts{}
	name := func(q *countsJSON) string { return q.Name }
	err = listQueues(ctx, c, vhost, "name,type,messages_ready,messages_unacknowledged", name,
		func(q *countsJSON) error {
			if q.Ready == nil || q.Unacked == nil {
				if q.Type == topology.Stream {
					streams = append(streams, q.Name)
				}
				counts[q.Name] = topology.QueueCounts{}
				return nil
			}
			counts[q.Name] = topology.QueueCounts{Ready: *q.Ready, Unacked: *q.Unacked, Known: true}
			return nil
		})
	if err == nil {
		err = c.countConsumers(ctx, vhost, counts)
	}
	return counts, streams, c.during(ctx, "count messages", err)
}

func (c *Client) countConsumers(ctx context.Context, vhost string, counts map[string]topology.QueueCounts) error {
	type holder struct {
		consumerJSON
		Exclusive bool `json:"exclusive"`
	}
	return list(ctx, c, path("consumers", vhost)+"?columns=queue.name,exclusive", func(k *holder) error {
		n := counts[k.Queue.Name]
		n.Consumers++
		n.Exclusive = n.Exclusive || k.Exclusive
		counts[k.Queue.Name] = n
		return nil
	})
}

// Totals counts messages and consumers of every queue of a vhost by four list requests, and says of
// each whether it is at work. What a queue that is not holds is not known, whatever is counted: its
// messages are on nodes that are down (fact down-queue-counts).
func (c *Client) Totals(ctx context.Context, vhost string) (map[topology.Ref]topology.QueueStatus, error) {
	counts := map[topology.Ref]topology.QueueStatus{}
	ref := func(queue string) topology.Ref {
		return topology.Ref{Kind: topology.KindQueue, VHost: vhost, Name: queue}
	}
	err := listQueues(ctx, c, vhost, "name,messages", queueName, func(q *queueJSON) error {
		if q.Messages != nil {
			counts[ref(q.Name)] = topology.QueueStatus{Messages: *q.Messages, Known: true}
		} else {
			counts[ref(q.Name)] = topology.QueueStatus{}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	states, sizes, err := c.states(ctx, vhost)
	if err != nil {
		return nil, err
	}
	for queue, size := range sizes {
		if s, ok := counts[ref(queue)]; ok {
			s.Bytes = size
			counts[ref(queue)] = s
		}
	}
	for queue, state := range states {
		if s, ok := counts[ref(queue)]; ok {
			s.State, s.Known = state, false
			counts[ref(queue)] = s
		}
	}
	err = c.Consumers(ctx, vhost, func(queue string) {
		s := counts[ref(queue)]
		s.Consumers++
		counts[ref(queue)] = s
	})
	return counts, err
}

// states returns the broker's words for the queues of a vhost that are not at work, and the bytes
// of the messages of those that have statistics. With disable_stats the list lacks quorum queues
// and streams that are down.
func (c *Client) states(ctx context.Context, vhost string) (states map[string]string, sizes map[string]int64,
	err error) {
	states, sizes = map[string]string{}, map[string]int64{}
	unsaid := map[string]string{}
	err = list(ctx, c, path("queues", vhost)+"?columns=name,type,state,node,leader,members,online,message_bytes",
		func(raw *json.RawMessage) error {
			var q stateJSON
			odd := decode(*raw, &q) != nil
			if q.Bytes > 0 {
				sizes[q.Name] = q.Bytes
			}
			if odd {
				states[q.Name] = "unknown" // an unexpected value must not fail the command
			} else if state, known := q.outage(); !known {
				unsaid[q.Name] = q.Node
			} else if state != "" {
				states[q.Name] = state
			}
			return nil
		})
	if err != nil || len(unsaid) == 0 {
		return states, sizes, err
	}
	running := map[string]bool{}
	err = list(ctx, c, "nodes?columns=name,running", func(n *struct {
		Name    string `json:"name"`
		Running bool   `json:"running"`
	}) error {
		running[n.Name] = n.Running
		return nil
	})
	var refused *Refusal
	denied := errors.As(err, &refused) && refused.denied()
	if err != nil && !denied {
		return nil, nil, err
	}
	for queue, node := range unsaid {
		switch {
		case denied:
			states[queue] = "unknown"
		case !running[node]:
			states[queue] = "down"
		}
	}
	return states, sizes, nil
}

// stateJSON is what tells whether a queue is at work.
type stateJSON struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	State   string   `json:"state"`
	Node    string   `json:"node"`
	Leader  string   `json:"leader"`
	Members []string `json:"members"`
	Online  []string `json:"online"`
	Bytes   int64    `json:"message_bytes"`
}

// outage returns the broker's word for a queue that is not at work, "" for others.
// It is not known where the broker says nothing at all (fact down-queue-states).
func (q *stateJSON) outage() (state string, known bool) {
	replicated := q.Type == topology.Quorum || q.Type == topology.Stream
	switch {
	case q.State != "" && q.State != "running" && q.State != "idle" && q.State != "flow":
		return q.State, true
	case replicated && len(q.Members) > 0 && 2*len(q.Online) <= len(q.Members):
		return "minority", true
	case q.Type == topology.Quorum && q.Leader == "" && q.State == "":
		return "down", true
	}
	return "", q.Type != topology.Stream || q.State != "" || len(q.Online) > 0
}

// State returns the broker's word for a queue that is not at work, "" for others and for one that
// does not exist. It asks for one queue, and for the list where that does not tell.
func (c *Client) State(ctx context.Context, q *topology.Queue) (string, error) {
	if addressable(q.Name) == nil {
		var s stateJSON
		err := c.get(ctx, path("queues", q.VHost, q.Name), &s)
		if err != nil && !IsNotFound(err) {
			return "", err
		}
		if state, known := s.outage(); err == nil && known {
			return state, nil
		}
	}
	states, _, err := c.states(ctx, q.VHost)
	return states[q.Name], err
}

type consumerJSON struct {
	Queue struct {
		Name string `json:"name"`
	} `json:"queue"`
}

// Consumers calls each with the queue of every consumer in the vhost (fact consumers-are-late).
func (c *Client) Consumers(ctx context.Context, vhost string, each func(queue string)) error {
	return list(ctx, c, path("consumers", vhost)+"?columns=queue.name", func(k *consumerJSON) error {
		each(k.Queue.Name)
		return nil
	})
}

// MessageBytes returns what the messages of a queue take of its limit in bytes, and how many
// messages that was: statistics (fact statistics-are-late). bytes is -1 when the broker does not
// tell.
func (c *Client) MessageBytes(ctx context.Context, vhost, queue string) (bytes, messages int64, err error) {
	var answer json.RawMessage // of a queue without statistics it is an empty array
	if err := c.get(ctx, path("queues", vhost, queue)+"?columns=message_bytes,messages", &answer); err != nil {
		return -1, 0, c.Explain(ctx, c.onQueue("measure", vhost, queue), err)
	}
	var q struct {
		Bytes    *int64 `json:"message_bytes"`
		Messages int64  `json:"messages"`
	}
	if err := decode(answer, &q); err == nil && q.Bytes != nil {
		return *q.Bytes, q.Messages, nil
	}
	return -1, 0, nil
}

// ReadyBytes returns the bytes of the ready messages of every queue of a vhost, by one list
// request: statistics (fact statistics-are-late). Queues without them are left out.
func (c *Client) ReadyBytes(ctx context.Context, vhost string) (map[string]int64, error) {
	type sized struct {
		Name  string `json:"name"`
		Bytes *int64 `json:"message_bytes_ready"`
	}
	sizes := map[string]int64{}
	err := list(ctx, c, path("queues", vhost)+"?columns=name,message_bytes_ready", func(q *sized) error {
		if q.Bytes != nil {
			sizes[q.Name] = *q.Bytes
		}
		return nil
	})
	return sizes, c.during(ctx, "measure queues", err)
}

// Applied returns the names of the policy and the operator policy that a queue has now, "" for
// none. It asks for the list of queues, which is live (fact applied-policy-is-late).
func (c *Client) Applied(ctx context.Context, vhost, queue string) (policy, operator string, err error) {
	type policies struct {
		Name     string `json:"name"`
		Policy   string `json:"policy"`
		Operator string `json:"operator_policy"`
	}
	name := func(q *policies) string { return q.Name }
	err = listQueues(ctx, c, vhost, "name,policy,operator_policy", name, func(q *policies) error {
		if q.Name == queue {
			policy, operator = q.Policy, q.Operator
		}
		return nil
	})
	if err == nil && operator == "" {
		var q policies
		err = c.get(ctx, path("queues", vhost, queue)+"?columns=operator_policy", &q)
		operator = q.Operator
	}
	return policy, operator, c.Explain(ctx, c.onQueue("read the policies of", vhost, queue), err)
}

func (c *Client) onQueue(verb, vhost, queue string) refusal.Operation {
	return refusal.On(verb, &topology.Queue{VHost: vhost, Name: queue}, c.opts.User)
}

// Messages returns how many messages a queue has, ready and unacknowledged, up to some seconds
// late; 0 when the API cannot address the queue. Its errors are not explained: see Explain.
func (c *Client) Messages(ctx context.Context, q *topology.Queue) (int64, error) {
	if addressable(q.VHost, q.Name) != nil {
		return 0, nil //nolint:nilerr // documented: such a queue has no count here
	}
	var stats struct {
		Messages int64 `json:"messages"`
	}
	err := c.get(ctx, path("queues", q.VHost, q.Name)+"?columns=name,messages", &stats)
	return stats.Messages, err
}

// Tracing reports whether the broker publishes a copy of everything in a vhost to
// amq.rabbitmq.trace.
func (c *Client) Tracing(ctx context.Context, vhost string) (on bool, err error) {
	var v struct {
		Tracing bool `json:"tracing"`
	}
	err = c.get(ctx, path("vhosts", vhost)+"?columns=tracing", &v)
	return v.Tracing, c.during(ctx, "see whether tracing is on", err)
}

// Holder returns who holds the lock that an exclusive queue is: two of its arguments, "" when they
// are unknown.
func (c *Client) Holder(ctx context.Context, queue *topology.Queue, who, since string) (string, string) {
	var q queueJSON
	if c.get(ctx, path("queues", queue.VHost, queue.Name)+"?disable_stats=true&columns=arguments", &q) != nil {
		return "", ""
	}
	holder, _ := q.Arguments[who].(string)
	from, _ := q.Arguments[since].(string)
	return holder, from
}
