package alert

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// vhost makes the rules of one vhost.
func (m *maker) vhost(vhost string) {
	n := route.New(m.State, vhost, "")
	isWait := m.found.IsWait(vhost)
	var own, deadLetterQueues []string
	for _, name := range n.QueueNames() {
		ref := topology.Ref{Kind: topology.KindQueue, VHost: vhost, Name: name}
		q := n.Queue(name)
		if q.Type != topology.Stream { // a stream is full by design: its limits say how much of it is kept
			m.full(ref, n.Settings(name))
		}
		if !isWait(name) && m.needsConsumer(q, ref) {
			m.consumers(ref)
		}
		if m.roles[ref] != discover.RoleDeadLetter {
			continue
		}
		deadLetterQueues = append(deadLetterQueues, name)
		if _, ok := m.Queues[ref]; ok {
			own = append(own, name)
			m.deadLetters(vhost, fmt.Sprintf("vhost=%s,queue=%s", text(vhost), text(name)), m.of(ref), "queue", name)
		}
	}
	if m.Source == Exporter { // it knows dead-letter queues that the file does not declare, too
		m.deadLetters(vhost, "vhost="+text(vhost)+without(own), m.File)
		m.losing(vhost)
		return
	}
	if rest := slices.DeleteFunc(deadLetterQueues,
		func(name string) bool { return slices.Contains(own, name) }); len(rest) > 0 {
		m.deadLetters(vhost, "vhost="+text(vhost)+",queue=~"+text(patterns(rest)), m.File)
	}
}

// full warns before a queue reaches its limit: that of the file's argument or policy, whichever the
// broker obeys.
func (m *maker) full(ref topology.Ref, s route.Settings) {
	goes := "the broker drops its oldest messages"
	if _, ok := s.Get("dead-letter-exchange").Value.(string); ok {
		goes = "the broker dead-letters its oldest messages"
	}
	if route.RefusesWhenFull(s.Queue.Type, s.Get("overflow").Text()) {
		goes = "the broker refuses what is published"
	}
	for _, l := range []struct{ key, metric, unit string }{
		{"max-length", m.names.ready, "messages"}, {"max-length-bytes", m.names.bytes, "bytes"},
	} {
		limit := s.Get(l.key)
		most, ok := limit.Int()
		if !ok || most <= 0 {
			continue
		}
		a := m.of(ref)
		for _, at := range []struct {
			share    int64
			severity string
		}{{a.NearlyFull, warning}, {a.Full, critical}} {
			if at.share == spec.Off {
				continue
			}
			m.add(Rule{
				Alert: QueueFull,
				Expr: fmt.Sprintf("%s(%s{vhost=%s,queue=%s}) >= %d", byQueue, l.metric, text(ref.VHost), text(ref.Name),
					shareOf(most, at.share)),
				Annotations: map[string]string{
					"summary": template(fmt.Sprintf("Queue %s in vhost %s is at %d%% of its limit or more: ", ref.Name, ref.VHost,
						at.share)) +
						fmt.Sprintf("{{ $value | humanize }} of %d %s", most, l.unit),
					"description": template(fmt.Sprintf("At its limit (%s) %s. Is a consumer gone, or too slow? See what is in it: "+
						"msgctl dlq inspect %s --vhost %s --group-by type",
						limit.From, goes, shell.Quote(ref.Name), shell.Quote(ref.VHost))),
				},
			}, a.For, at.severity, "vhost", ref.VHost, "queue", ref.Name, "limit", l.key)
		}
	}
}

// shareOf is a part of a limit, rounded up.
func shareOf(limit, percent int64) int64 {
	return limit/100*percent + int64(math.Ceil(float64(limit%100*percent)/100))
}

// needsConsumer is false for queues that are read on occasion, or that are there only with a
// consumer.
func (m *maker) needsConsumer(q *topology.Queue, ref topology.Ref) bool {
	if _, ok := m.Queues[ref]; ok && m.Queues[ref].Consumers != m.File.Consumers {
		return m.Queues[ref].Consumers > 0 // somebody says so
	}
	return m.of(ref).Consumers > 0 && m.roles[ref] != discover.RoleDeadLetter && q.Type != topology.Stream &&
		!q.AutoDelete &&
		!q.Exclusive
}

func (m *maker) consumers(ref topology.Ref) {
	a := m.of(ref)
	m.add(Rule{
		Alert: NoConsumers,
		Expr: fmt.Sprintf("%s(%s{vhost=%s,queue=%s}) < %d", byQueue, m.names.consumers, text(ref.VHost), text(ref.Name),
			a.Consumers),
		Annotations: map[string]string{
			"summary": template(fmt.Sprintf("Queue %s in vhost %s has ", ref.Name, ref.VHost)) +
				fmt.Sprintf("{{ $value }} consumer"+plural+", and needs %d", a.Consumers),
			"description": template(fmt.Sprintf("Nobody takes its messages, or too few do. Start the consumer again; see "+
				"what waits meanwhile: msgctl dlq inspect %s --vhost %s --group-by type",
				shell.Quote(ref.Name), shell.Quote(ref.VHost))),
		},
	}, a.For, warning, "vhost", ref.VHost, "queue", ref.Name)
}

// plural ends a noun behind {{ $value }}.
const plural = "{{ if ne $value 1.0 }}s{{ end }}"

// deadLetters warns of dead letters, and of more and more of them.
func (m *maker) deadLetters(vhost, selector string, a spec.AlertSettings, labels ...string) {
	labels = append([]string{"vhost", vhost}, labels...)
	metric := m.names.dlq + "{" + selector + "}"
	look := "msgctl dlq inspect " + labelQueue + " --vhost " + template(shell.Quote(vhost)) + " --group-by reason,queue"
	if a.DeadLetters != spec.Off {
		m.add(Rule{Alert: DeadLetters, Expr: fmt.Sprintf("%s(%s) > %d", byQueue, metric, a.DeadLetters),
			Annotations: map[string]string{
				"summary": "{{ $value | humanize }} dead letter" + plural + " in " + vhostAndQueue,
				"description": "Messages have failed, and nobody has dealt with them. See why: " + look +
					"; when it is fixed, put them back: msgctl dlq replay " + labelQueue + " --vhost " + template(shell.Quote(vhost)),
			}}, a.For, warning, labels...)
	}
	if a.Growth != spec.Off {
		m.add(Rule{Alert: Growing, Expr: fmt.Sprintf("%s(delta(%s[%s])) > %d", byQueue, metric, growthWindow, a.Growth),
			Annotations: map[string]string{
				"summary": "{{ $value | humanize }} more dead letter" + plural + " within " + growthWindow + " in " +
					vhostAndQueue,
				"description": "Something fails again and again. See what: " + look,
			}}, a.For, critical, labels...)
	}
}

func (m *maker) losing(vhost string) {
	m.add(Rule{
		Alert: Losing, Expr: fmt.Sprintf(`%s(%s{vhost=%s,certainty="surely"}) > 0`, byQueue, exporter.LosesDeadLetters,
			text(vhost)),
		Annotations: map[string]string{
			"summary": "Dead letters of " + vhostAndQueue + " are lost",
			"description": "They reach no queue: a binding, an exchange or a queue is missing. See which: msgctl dlq ls " +
				"--vhost " + template(shell.Quote(vhost)) + "; see what apply would restore: msgctl plan " + template(m.Files),
		},
	}, m.File.For, critical, "vhost", vhost)
}

// without is a selector that leaves queues with rules of their own out.
func without(queues []string) string {
	if len(queues) == 0 {
		return ""
	}
	return ",queue!~" + text(patterns(queues))
}

func patterns(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = pattern(n)
	}
	return strings.Join(quoted, "|")
}
