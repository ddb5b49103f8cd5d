package route_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// testVHost runs shapes on one broker.
type testVHost struct {
	broker *rabbittest.Broker
	line   line
}

func newTestVHost(t *testing.T, b *rabbittest.Broker) testVHost {
	var overview struct {
		Version string `json:"rabbitmq_version"`
	}
	b.Admin().Get(t, "/api/overview", &overview)
	return testVHost{broker: b, line: line{version: overview.Version,
		modern: capability.VersionAtLeast(overview.Version, "4.0")}}
}

// result is the result of one batch.
type result struct {
	cases, steps, skipped int
	failed                []failure
}

// trial is one message and its state.
type trial struct {
	shape   int
	message mShape
	prefix  string
	net     *route.Network
	// want are the outcomes that the simulator allows now. got are the copies that the broker has
	// delivered.
	want  []route.Placement
	got   []delivered
	done  bool
	stage int
	// skip reports whether the message is no longer followed.
	skip bool
	// returns counts how often each copy was returned. The keys are the texts of the copies.
	returns map[string]int64
	// crowd reports whether there are too many copies to let them die.
	crowd bool
	// late are the queues that have no consumer at first.
	late map[string]bool
	// history describes the actions so far.
	history []string
	fail    string
	// routed reports whether the simulator is sure that the publication reaches a queue, unrouted
	// whether it is sure that it reaches none.
	routed, unrouted bool
}

// delivered is a copy that the broker has delivered.
type delivered struct {
	queue string
	text  string
	from  amqp.Delivery
	// returns is the number of returns according to the broker. On 4.3 the count continues in the
	// next quorum queue. On 4.0 the header of the first delivery there says so too, but the count
	// does not continue.
	returns int64
}

// run declares shapes on the broker in one vhost, which it deletes at the end, and follows all
// their messages.
func (l testVHost) run(t *testing.T, list []shape, patience time.Duration) result {
	t.Helper()
	v := l.broker.VHost(t)
	defer l.broker.Admin().Delete(t, rabbittest.Path("vhosts", v.Name))
	trials := map[string]*trial{}
	var objects []topology.Object
	for i, s := range list {
		prefix := fmt.Sprint("s", i, "-")
		objects = append(objects, s.materialise(v.Name, prefix)...)
		n := l.network(s, v.Name, prefix)
		for j, m := range s.Messages {
			trials[fmt.Sprint(prefix, j)] = &trial{shape: i, message: m, prefix: prefix, net: n, returns: map[string]int64{},
				late: s.late(prefix)}
		}
	}
	declare(t, v, objects)
	r := newRound(t, v, l.line.version, trials, list)
	r.patience = patience
	return r.run(t)
}

// declare declares all objects. Policies come first, so that they apply to every queue from the
// start.
func declare(t *testing.T, v *rabbittest.VHost, objects []topology.Object) {
	t.Helper()
	c, ch := v.Client(), v.Channel(t)
	defs := map[string][]map[string]any{}
	var bindings []*topology.Binding
	for _, o := range objects {
		switch o := o.(type) {
		case *topology.Exchange:
			defs["exchanges"] = append(defs["exchanges"], map[string]any{"name": o.Name, "vhost": o.VHost, "type": o.Type,
				"durable": true, "auto_delete": false,
				"internal": o.Internal, "arguments": o.Arguments.Clone()})
		case *topology.Queue:
			a := o.Arguments.Clone()
			a["x-queue-type"] = o.Type
			defs["queues"] = append(defs["queues"], map[string]any{"name": o.Name, "vhost": o.VHost, "durable": true,
				"auto_delete": false, "arguments": a})
		case *topology.Policy:
			body := map[string]any{"name": o.Name, "vhost": o.VHost, "pattern": o.Pattern, "apply-to": o.ApplyTo,
				"priority": o.Priority, "definition": o.Definition.Clone()}
			if o.Operator {
				c.Put(t, rabbittest.Path("operator-policies", v.Name, o.Name), body)
			} else {
				defs["policies"] = append(defs["policies"], body)
			}
		case *topology.Binding:
			bindings = append(bindings, o)
		}
	}
	if err := c.Do(http.MethodPost, "/api/definitions", defs, nil); err != nil {
		t.Fatal(err)
	}
	for i, b := range bindings {
		bind, noWait := ch.QueueBind, i < len(bindings)-1
		if b.DestinationType == topology.ToExchange {
			bind = ch.ExchangeBind
		}
		if err := bind(b.Destination, b.RoutingKey, b.Source, noWait, amqp.Table(b.Arguments)); err != nil {
			t.Fatal(err)
		}
	}
}

// round follows the messages of one batch.
type round struct {
	version    string
	trials     map[string]*trial
	shapes     []shape
	publish    *amqp.Channel
	consume    *amqp.Channel
	streams    *amqp.Channel // they want a prefetch
	deliveries chan amqp.Delivery
	late       []string
	result     result
	patience   time.Duration
}

func newRound(t *testing.T, v *rabbittest.VHost, version string, trials map[string]*trial, list []shape) *round {
	t.Helper()
	r := &round{version: version, trials: trials, shapes: list, publish: v.Channel(t), consume: v.Channel(t),
		streams: v.Channel(t), deliveries: make(chan amqp.Delivery, 10000)}
	if err := r.streams.Qos(1000, 0, false); err != nil {
		t.Fatal(err)
	}
	seen := map[*route.Network]bool{}
	for _, tr := range trials {
		if seen[tr.net] {
			continue
		}
		seen[tr.net] = true
		for _, q := range tr.net.QueueNames() {
			switch {
			case dies(tr.net, q):
			case tr.late[q]:
				r.late = append(r.late, q)
			case tr.net.Queue(q).Type == topology.Stream:
				r.listen(t, r.streams, q, amqp.Table{"x-stream-offset": "first"})
			default:
				r.listen(t, r.consume, q, nil)
			}
		}
	}
	return r
}

func (r *round) listen(t *testing.T, ch *amqp.Channel, queue string, a amqp.Table) {
	t.Helper()
	from, err := ch.Consume(queue, queue, false, false, false, false, a)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for d := range from {
			r.deliveries <- d
		}
	}()
}

// dies reports whether messages die in a queue at once without any action.
func dies(n *route.Network, queue string) bool { return reasonOf(n, queue) != "" }

func reasonOf(n *route.Network, queue string) route.Reason {
	s := n.Settings(queue)
	if length, ok := s.Get("max-length").Int(); ok && length == 0 {
		return route.MaxLength
	}
	if _, ok := s.Get("message-ttl").Int(); ok {
		return route.Expired
	}
	return ""
}

// reason returns why a copy dies in its queue at once without any action, or "" if it does not.
func (tr *trial) reason(c route.Copy) route.Reason {
	if why := reasonOf(tr.net, c.Queue); why != "" || !tr.expiring(c) || !tr.late[c.Queue] {
		return why
	}
	return route.Expired
}

// expiring reports whether a copy has a TTL of its own. The broker removes that TTL when the
// message dies.
func (tr *trial) expiring(c route.Copy) bool { return tr.message.Expires && len(c.Message.Deaths) == 0 }

// patience is how long the test waits for an expected delivery. quiet is how long the broker must
// be silent before a batch is complete.
const (
	patience = 15 * time.Second
	quiet    = 400 * time.Millisecond
	// confirmPatience is how long the confirms of publications may take.
	confirmPatience = 2 * time.Minute
)

func (r *round) run(t *testing.T) result {
	t.Helper()
	if err := r.publish.Confirm(false); err != nil {
		t.Fatal(err)
	}
	returns := r.publish.NotifyReturn(make(chan amqp.Return, len(r.trials)))
	r.result.cases = len(r.trials)
	var last *amqp.DeferredConfirmation
	for id, tr := range r.trials {
		last = r.send(t, id, tr)
	}
	confirmed, cancel := context.WithTimeout(t.Context(), confirmPatience)
	defer cancel()
	if _, err := last.WaitContext(confirmed); err != nil {
		t.Fatalf("the broker has not confirmed the last message after %s", confirmPatience)
	}
	if len(r.late) > 0 {
		time.Sleep(4 * time.Duration(shortTTL) * time.Millisecond) // a message expires by the clock, and nobody can see when
	}
	for _, q := range r.late {
		r.listen(t, r.consume, q, nil)
	}
	r.settle()
	r.returned(returns)
	for _, tr := range r.trials {
		if tr.skip {
			r.result.skipped++
		}
		if tr.fail != "" || !tr.done {
			f := failure{shape: tr.shape, message: tr.message, history: tr.history, got: tr.fail + showDelivered(tr.got)}
			for _, w := range tr.want {
				f.want = append(f.want, fmt.Sprint(showPlacement(w)))
			}
			r.result.failed = append(r.result.failed, f)
		}
	}
	slices.SortFunc(r.result.failed, func(a, b failure) int { return a.shape - b.shape })
	return r.result
}

// send publishes a message and simulates its route.
func (r *round) send(t *testing.T, id string, tr *trial) *amqp.DeferredConfirmation {
	name := renamer{s: r.shapes[tr.shape], prefix: tr.prefix}
	p := route.Publication{Exchange: name.name(tr.message.Exchange), Key: name.name(tr.message.Key),
		Headers: tr.message.Headers}
	headers := amqp.Table(tr.message.Headers.Clone())
	for field, keys := range map[string][]string{"CC": tr.message.CC, "BCC": tr.message.BCC} {
		if len(keys) > 0 {
			var list []any
			for _, k := range keys {
				list = append(list, name.name(k))
			}
			headers[field] = list
		}
	}
	p.Headers = amqptable.NormaliseTable(headers)
	trace := tr.net.Route(p)
	tr.routed, tr.unrouted = !trace.MayBeLost(), trace.Lost()
	tr.settle(trace.Placements)
	expiration := ""
	if tr.message.Expires {
		expiration = fmt.Sprint(shortTTL)
	}
	c, err := r.publish.PublishWithDeferredConfirm(p.Exchange, p.Key, true, false,
		amqp.Publishing{MessageId: id, Headers: headers, Body: []byte("x"), DeliveryMode: 2, Expiration: expiration})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// settle simulates the deaths that need no action. It merges outcomes that look alike. It gives up
// a message that has too many outcomes or that cycles forever, which happens on 3.10.8 because that
// version loses the order of deaths.
func (tr *trial) settle(placements []route.Placement) {
	n := tr.net
	var out []route.Placement
	seen := map[string]bool{}
	for todo := placements; len(todo) > 0; {
		if len(seen) > maxSettle || len(placements) > maxSettle {
			tr.skip, tr.done, tr.want = true, true, nil
			return
		}
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		text := strings.Join(showPlacement(w), " ")
		if seen[text] {
			continue
		}
		seen[text] = true
		at := slices.IndexFunc(w, func(c route.Copy) bool { return !c.Kept && tr.reason(c) != "" })
		if at < 0 {
			out = append(out, w)
			continue
		}
		todo = append(slices.Clone(todo), n.Die(w[at].Message, w[at].Queue, tr.reason(w[at])).Placements(w, at)...)
	}
	tr.want = out
	tr.done = len(tr.got) == 0 && slices.ContainsFunc(tr.want,
		func(w route.Placement) bool { return len(visible(w)) == 0 })
}

// settle handles deliveries until none is expected and none arrives. It ignores messages that were
// given up: some cycle forever and leave a copy each time.
func (r *round) settle() {
	for {
		wait := quiet
		if slices.ContainsFunc(values(r.trials), func(tr *trial) bool {
			return !tr.done && tr.fail == "" &&
				(len(tr.got) == 0 || tr.match() == nil)
		}) {
			wait = r.patience
		}
		if !r.next(wait) && !r.decide() {
			return
		}
	}
}

// next handles the next delivery that is not ignored. It returns false if none arrives within wait.
func (r *round) next(wait time.Duration) bool {
	for end := time.After(wait); ; {
		select {
		case d := <-r.deliveries:
			if r.delivered(d) {
				return true
			}
		case <-end:
			return false
		}
	}
}

// growing reports whether the deliveries so far may be part of a larger outcome, so that more may
// follow.
func (tr *trial) growing() bool {
	return slices.ContainsFunc(tr.want, func(w route.Placement) bool {
		rest := showPlacement(w)
		for _, d := range tr.got {
			at := slices.Index(rest, d.text)
			if at < 0 {
				return false
			}
			rest = slices.Delete(rest, at, at+1)
		}
		return len(rest) > 0
	})
}

// decide treats the deliveries so far as complete, because the broker is silent. It returns false
// if no message has a matching outcome.
func (r *round) decide() bool {
	found := false
	for _, tr := range r.trials {
		if w := tr.match(); w != nil && len(tr.got) > 0 && !tr.skip {
			r.act(tr, w)
			found = true
		}
	}
	return found
}

func values(m map[string]*trial) []*trial {
	list := make([]*trial, 0, len(m))
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

func (r *round) delivered(d amqp.Delivery) bool {
	tr := r.trials[d.MessageId]
	if tr == nil || tr.skip {
		_ = d.Ack(false)
		return false
	}
	tr.got = append(tr.got, newDelivered(d))
	if w := tr.match(); w != nil && !tr.growing() {
		r.act(tr, w)
	}
	return true
}

func newDelivered(d amqp.Delivery) delivered {
	returns, _ := d.Headers["x-delivery-count"].(int64)
	return delivered{queue: d.ConsumerTag, text: showDelivery(d), from: d, returns: returns}
}

func visible(w route.Placement) route.Placement {
	return slices.DeleteFunc(slices.Clone(w), func(c route.Copy) bool { return c.Kept })
}

// match returns the outcome that equals the deliveries so far, or nil.
func (tr *trial) match() route.Placement {
	var got []string
	for _, d := range tr.got {
		got = append(got, d.text)
	}
	slices.Sort(got)
	for _, w := range tr.want {
		if slices.Equal(showPlacement(w), got) {
			return visible(w)
		}
	}
	return nil
}

// act performs an action on every copy and simulates the result.
func (r *round) act(tr *trial, w route.Placement) {
	copies, got := w, tr.got
	tr.crowd = len(copies) > mostCopies
	tr.want, tr.got, tr.done = []route.Placement{nil}, nil, false
	for i, c := range copies {
		at := slices.IndexFunc(got, func(d delivered) bool { return d.text == showCopy(c) })
		d := got[at]
		got = slices.Delete(got, at, at+1)
		r.actOn(tr, c, d, tr.message.Actions[(3*tr.stage+i)%len(tr.message.Actions)])
	}
	tr.stage++
	tr.settle(tr.want)
}

// stages is the number of rounds of actions on the copies of a message. maxWorlds is the maximum
// number of possible outcomes.
const (
	stages    = 3
	maxWorlds = 16
	maxSettle = 300
)

// The actions on a copy. Smaller values reject it, larger values acknowledge it.
const (
	returnAll   = 3
	acknowledge = 5
	mostReturns = 2  // of the limits that the generator makes
	mostCopies  = 20 // that are made to die: each may become many
)

func (r *round) actOn(tr *trial, c route.Copy, d delivered, action int) {
	n, returns := tr.net, tr.returns[d.text]
	if capability.VersionAtLeast(r.version, "4.3") {
		returns = d.returns
	}
	limit, limited := n.Settings(c.Queue).Get("delivery-limit").Int()
	counts := n.Queue(c.Queue).Type == topology.Quorum && limited && limit > 0 && limit <= mostReturns
	if counts && action > 0 && tr.stage < stages {
		action = returnAll // mostly: there are few such queues
	}
	switch {
	case n.Queue(c.Queue).Type == topology.Stream, tr.stage >= 2*stages, tr.crowd, len(tr.want) > maxWorlds:
		action = acknowledge
	case counts && returns > 0:
		action = returnAll // until it dies
	case tr.stage >= stages:
		action = acknowledge
	case action == returnAll && tr.expiring(c):
		action = acknowledge // it would expire meanwhile, or not
	}
	switch {
	case action < returnAll:
		_ = d.from.Reject(false)
		tr.die(c, route.Rejected)
		r.result.steps++
	case action == returnAll:
		_ = d.from.Reject(true)
		tr.returns[d.text]++
		tr.die(c, exhaustion(n, c.Queue, returns))
		r.result.steps++
	default:
		_ = d.from.Ack(false)
		tr.history = append(tr.history, "acknowledged in "+c.Queue)
	}
}

// exhaustion returns the reason of the death if a message is returned once more, or "" if it does
// not die.
func exhaustion(n *route.Network, queue string, returns int64) route.Reason {
	if limit, ok := n.Settings(queue).Get("delivery-limit").Int(); ok && n.Queue(queue).Type == topology.Quorum &&
		limit > 0 && returns < limit {
		return ""
	}
	return route.DeliveryLimit
}

// die adds the result of the death of a copy to every outcome. If reason is "", the copy stays.
func (tr *trial) die(c route.Copy, reason route.Reason) {
	tr.history = append(tr.history, fmt.Sprintf("died in %s (%s)", c.Queue, reason))
	var placements []route.Placement
	for _, w := range tr.want {
		w = append(slices.Clone(w), c)
		if reason == "" {
			placements = append(placements, w)
			continue
		}
		placements = append(placements, tr.net.Die(c.Message, c.Queue, reason).Placements(w, len(w)-1)...)
	}
	tr.want = placements
}

// returned checks that the broker returns the messages that reach no queue, and no others.
func (r *round) returned(returns <-chan amqp.Return) {
	came := map[string]bool{}
	for range len(returns) {
		came[(<-returns).MessageId] = true
	}
	for id, tr := range r.trials {
		switch {
		case came[id] && tr.routed:
			tr.fail = "returned to the publisher "
		case !came[id] && tr.unrouted:
			tr.fail = "not returned to the publisher "
		}
	}
}

func showPlacement(w route.Placement) []string {
	var list []string
	for _, c := range visible(w) {
		list = append(list, showCopy(c))
	}
	slices.Sort(list)
	return list
}

func showCopy(c route.Copy) string {
	text := c.Queue
	for _, d := range c.Message.Deaths {
		text += fmt.Sprintf(" {%s %s %q %q %d}", d.Queue, d.Reason, d.Exchange, d.Keys, d.Count)
	}
	return text
}

func showDelivery(d amqp.Delivery) string {
	text := d.ConsumerTag
	deaths, _ := d.Headers["x-death"].([]any)
	for _, e := range deaths {
		x, _ := e.(amqp.Table)
		keys := []string{}
		list, _ := x["routing-keys"].([]any)
		for _, k := range list {
			keys = append(keys, fmt.Sprint(k))
		}
		text += fmt.Sprintf(" {%s %s %q %q %d}", x["queue"], x["reason"], x["exchange"], keys, x["count"])
	}
	return text
}

func showDelivered(list []delivered) string {
	var texts []string
	for _, d := range list {
		texts = append(texts, d.text)
	}
	slices.Sort(texts)
	return "[" + strings.Join(texts, " ") + "]"
}
