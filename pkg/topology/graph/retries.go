package graph

import (
	"cmp"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// scheduledRetries adds the edges to the wait queues of the retry schedules that a file declares.
// The consumer of a queue publishes failed messages to them.
func (b *builder) scheduledRetries(s *topology.State) {
	for _, schedule := range s.RetrySchedules() {
		for _, w := range slices.Concat(schedule.WaitQueues...) {
			if w.VHost == b.vhost && b.net.Queue(w.Name) != nil && b.net.Queue(schedule.Queue.Name) != nil {
				b.edge(b.queueNode(schedule.Queue.Name), b.queueNode(w.Name), Retry, "")
			}
		}
	}
}

// namedRetries adds the edges to wait queues that are known by their names QUEUE.retry.STEP, the
// shortest wait first. No other edge leads to them.
func (b *builder) namedRetries() {
	fed := map[int]bool{}
	for _, e := range b.g.Edges {
		fed[e.To] = true
	}
	var waits []string
	for _, name := range b.net.QueueNames() {
		if to, ok := b.returnsTo(name); ok && !fed[b.queueNode(name)] && strings.HasPrefix(name, to+".retry.") &&
			b.net.Queue(to) != nil {
			waits = append(waits, name)
		}
	}
	slices.SortStableFunc(waits, func(x, y string) int { return cmp.Compare(b.ttl(x), b.ttl(y)) })
	for _, name := range waits {
		to, _ := b.returnsTo(name)
		b.edge(b.queueNode(to), b.queueNode(name), Retry, "")
	}
}

func (b *builder) ttl(queue string) int64 {
	ms, _ := b.net.Settings(queue).Get("message-ttl").Int()
	return ms
}

// returnsTo returns the queue into which the messages of a queue expire directly.
func (b *builder) returnsTo(queue string) (string, bool) {
	s := b.net.Settings(queue)
	d := s.DeadLetter()
	_, expires := s.Get("message-ttl").Int()
	return d.Key.Text(), expires && d.Set() && d.Exchange.Text() == "" && d.Key.Text() != ""
}

// longestRetries is the number of delays that a fact names.
const longestRetries = 5

// ownRetries returns the fact of a queue that delays retries itself. Delay n is n times the first,
// at most the last; the delivery limit ends them (fact delivery-limit-deliveries).
func ownRetries(s route.Settings) []Fact {
	first, ok := s.Get("delayed-retry-min").Int()
	if kind := s.Get("delayed-retry-type").Text(); !ok || kind == "" || kind == "disabled" {
		return nil
	}
	limit, limited := s.Get("delivery-limit").Int()
	if !limited {
		limit = route.DefaultDeliveryLimit
	}
	most, capped := s.Get("delayed-retry-max").Int()
	var texts []string
	for i := int64(1); limit < 0 || i <= limit; i++ {
		if i > longestRetries {
			texts = append(texts, "…")
			break
		}
		ms := first * i
		if capped {
			ms = min(ms, most)
		}
		texts = append(texts, duration(ms))
	}
	return facts(RetryFact, strings.Join(texts, ", "))
}
