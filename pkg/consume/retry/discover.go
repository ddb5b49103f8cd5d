package retry

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// Discover returns the retry strategy of a queue, from its effective settings (arguments and
// policies) and its retry steps. The steps are those declared or, if declared is nil, the queues
// named QUEUE.retry.* whose messages expire into QUEUE. The error says what is missing.
func Discover(n *route.Network, queue string, declared *topology.RetrySchedule) (Strategy, error) {
	p := Strategy{Queue: queue}
	q := n.Queue(queue)
	if q == nil {
		return p, fmt.Errorf("queue %q does not exist in vhost %q", queue, n.VHost())
	}
	s := n.Settings(queue)
	if err := p.deadLetters(n, s.DeadLetter()); err != nil {
		return p, err
	}
	switch kind := s.Get("delayed-retry-type").Text(); {
	case kind == "failed" || kind == "all":
		p.native(s, declared)
	case declared != nil:
		return p, p.declared(n, declared)
	default:
		p.Steps = stepsByName(n, queue)
	}
	return p, nil
}

func (p *Strategy) deadLetters(n *route.Network, d route.DeadLetter) error {
	if !d.Set() {
		return nil
	}
	exchange := d.Exchange.Text()
	if _, ok := n.ExchangeType(exchange); !ok && exchange != "" {
		return fmt.Errorf("the dead-letter exchange %q of queue %q does not exist: dead letters would be lost", exchange,
			p.Queue)
	}
	p.DeadLetter = &publish.Target{Exchange: exchange, Key: d.Key.Text()}
	p.OwnKey = d.Key.Value == nil
	return nil
}

// maxNativeSteps limits how many of a queue's own delays are listed. Beyond it, the broker ends the
// retries.
const maxNativeSteps = 1000

// native sets the steps of a queue that delays retries itself. There are as many as its delivery
// limit, or the declared ones if those are fewer. A limit of N allows N+1 deliveries (fact
// delivery-limit-deliveries), so N retries.
func (p *Strategy) native(s route.Settings, declared *topology.RetrySchedule) {
	first, _ := s.Get("delayed-retry-min").Int()
	most, limited := s.Get("delayed-retry-max").Int()
	limit, ok := s.Get("delivery-limit").Int()
	if !ok {
		limit = route.DefaultDeliveryLimit
	}
	p.Native, p.DeliveryLimit = true, limit
	p.Endless = declared == nil && (limit < 0 || limit > maxNativeSteps)
	if limit < 0 || limit > maxNativeSteps {
		limit = maxNativeSteps
	}
	if declared != nil {
		for _, ms := range declared.Delays[:min(int64(len(declared.Delays)), limit)] {
			p.Steps = append(p.Steps, Step{Delay: millis(ms)})
		}
		return
	}
	for i := int64(1); i <= limit; i++ {
		ms := first * i
		if limited {
			ms = min(ms, most)
		}
		p.Steps = append(p.Steps, Step{Delay: millis(ms)})
	}
}

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

func (p *Strategy) declared(n *route.Network, l *topology.RetrySchedule) error {
	for i, waits := range l.WaitQueues {
		step := Step{Delay: millis(l.Delays[i])}
		for _, w := range waits {
			if !waitsFor(n, w.Name, p.Queue) {
				return fmt.Errorf("the wait queue %q does not exist, or does not lead back to queue %q", w.Name, p.Queue)
			}
			step.Queues = append(step.Queues, w.Name)
		}
		p.Steps = append(p.Steps, step)
	}
	return nil
}

// waitsFor reports whether messages that expire in the queue wait are dead-lettered to queue.
func waitsFor(n *route.Network, wait, queue string) bool {
	if n.Queue(wait) == nil {
		return false
	}
	s := n.Settings(wait)
	d := s.DeadLetter()
	_, expires := s.Get("message-ttl").Int()
	return expires && d.Set() && d.Exchange.Text() == "" && d.Key.Text() == queue
}

// stepsByName finds, by their names, wait queues that no file declares.
func stepsByName(n *route.Network, queue string) (steps []Step) {
	at := map[string]int{}
	for _, name := range n.QueueNames() {
		step, ok := strings.CutPrefix(name, queue+".retry.")
		if !ok || !waitsFor(n, name, queue) {
			continue
		}
		step = strings.TrimSuffix(strings.TrimSuffix(step, ".early"), ".late")
		ttl, _ := n.Settings(name).Get("message-ttl").Int()
		if i, known := at[step]; known {
			steps[i].Queues = append(steps[i].Queues, name)
			if name == queue+".retry."+step {
				steps[i].Delay = millis(ttl)
			}
			continue
		}
		at[step] = len(steps)
		steps = append(steps, Step{Delay: millis(ttl), Queues: []string{name}})
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return int(a.Delay - b.Delay) })
	return steps
}
