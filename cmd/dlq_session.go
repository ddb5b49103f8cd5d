package cmd

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// dlqSession is one vhost of a live broker with its dead-letter queues: what the dlq commands work
// on.
type dlqSession struct {
	deps       *deps
	command    string
	given      string // the flags that were typed, for a corrected command line
	connection *profile.Connection
	vhost      string
	broker     messageBroker
	live       *topology.Live
	found      dlq.Discovery
	counts     map[string]queueCounts
	match      *regexp.Regexp
}

// dlqSession connects and reads the vhost.
func (d *deps) dlqSession(ctx context.Context, command string, flags *profile.Flags) (*dlqSession, error) {
	s, err := d.dlqConnect(ctx, command, flags, nil)
	if err != nil {
		return nil, err
	}
	if err := s.read(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// dlqConnect prepares a session that has read nothing yet.
func (d *deps) dlqConnect(ctx context.Context, command string, flags *profile.Flags, match *regexp.Regexp) (*dlqSession,
	error) {
	conn, err := d.connection(flags)
	if err != nil {
		return nil, err
	}
	if d.onDeadLetters != nil {
		d.onDeadLetters()
	}
	b, err := d.messages(ctx, conn, command)
	if err != nil {
		return nil, err
	}
	return &dlqSession{deps: d, command: command, connection: conn, vhost: conn.VHost, broker: b, match: match}, nil
}

// in returns a session for another vhost, which shares the broker and has read nothing yet. Only
// one of them is closed.
func (s *dlqSession) in(vhost string) *dlqSession {
	return &dlqSession{deps: s.deps, command: s.command, connection: s.connection, vhost: vhost, broker: s.broker,
		match: s.match}
}

func (s *dlqSession) close() { s.broker.Close() }

// read reads objects and counts, and finds the dead-letter queues.
func (s *dlqSession) read(ctx context.Context) error {
	live, err := s.broker.Everything(ctx, []string{s.vhost})
	if err != nil {
		return err
	}
	if slices.Contains(live.MissingVHosts, s.vhost) {
		return &exitError{code: exitFailed, err: fmt.Errorf("vhost %q does not exist, or this user has no access to it",
			s.vhost), advice: "name another with --vhost"}
	}
	s.live = live
	return s.count(ctx)
}

// count reads the counts anew, those of dead-letter queues exactly.
func (s *dlqSession) count(ctx context.Context) error {
	if err := s.countLists(ctx); err != nil {
		return err
	}
	return s.recount(ctx)
}

// countLists reads the counts anew by lists only, however many queues there are.
func (s *dlqSession) countLists(ctx context.Context) error {
	counts, err := s.broker.Counts(ctx, s.vhost)
	if err != nil {
		return err
	}
	s.counts = counts
	if s.live.Status == nil {
		s.live.Status = map[topology.Ref]topology.QueueStatus{}
	}
	for name, n := range counts {
		s.live.Status[s.ref(name)] = topology.QueueStatus{Messages: n.Ready + n.Unacked, Consumers: n.Consumers,
			Known: n.Known}
	}
	s.found = dlq.DiscoverLive(s.live, dlq.DiscoverOptions{Match: s.match, VHosts: []string{s.vhost}})
	return nil
}

// exactCounts is how many dead-letter queues are counted exactly.
const exactCounts = 200

// recount asks the dead-letter queues themselves: the list is up to 4 s late for quorum queues
// (3.10.8, 4.0.5, 4.3.6). Who may not use AMQP has the list.
func (s *dlqSession) recount(ctx context.Context) error {
	for i := range s.found.Queues[:min(len(s.found.Queues), exactCounts)] {
		if err := s.recountQueue(ctx, s.found.Queues[i].Name); err != nil {
			return ctx.Err()
		}
		s.found.Queues[i].Status = s.live.Status[s.found.Queues[i].Ref()]
	}
	return nil
}

// ready counts the ready messages of a queue. A quorum queue whose leader is busy is empty, says
// the broker: where the list has messages, it is asked again for a moment. The list may be late as
// well.
func (s *dlqSession) ready(ctx context.Context, name string) (n int64, err error) {
	for range 6 {
		if n, err = s.broker.Ready(ctx, s.vhost, name); err != nil || n > 0 || s.counts[name].Ready == 0 ||
			!s.isQuorum(name) {
			return n, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
	}
	return n, err
}

func (s *dlqSession) isQuorum(name string) bool {
	o, ok := s.live.Get(s.ref(name))
	return ok && o.(*topology.Queue).Type == topology.Quorum
}

func (s *dlqSession) recountQueue(ctx context.Context, name string) error {
	ready, err := s.ready(ctx, name)
	if err != nil {
		return err
	}
	n := s.counts[name]
	n.Ready, n.Known = ready, true
	s.counts[name] = n
	status := s.live.Status[s.ref(name)]
	status.Messages, status.Known = n.Ready+n.Unacked, true
	s.live.Status[s.ref(name)] = status
	return nil
}

func (s *dlqSession) ref(queue string) topology.Ref {
	return topology.Ref{Kind: topology.KindQueue, VHost: s.vhost, Name: queue}
}

func (s *dlqSession) isWait() func(string) bool { return s.found.IsWait(s.vhost) }

func (s *dlqSession) exists(queue string) bool { return s.live.Has(s.ref(queue)) }

// queue returns a queue of the vhost, or an error that names the one that was surely meant.
func (s *dlqSession) queue(name string) (*topology.Queue, error) {
	if o, ok := s.live.Get(s.ref(name)); ok {
		return o.(*topology.Queue), nil
	}
	hint := "see what there is: msgctl dlq ls"
	if near := nearestName(name, s.queueNames()); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return nil, &exitError{code: exitFailed, err: fmt.Errorf("queue %q does not exist in vhost %q", name, s.vhost),
		advice: hint}
}

// queueNames has the dead-letter queues first.
func (s *dlqSession) queueNames() []string {
	var names, others []string
	for _, q := range s.found.Queues {
		names = append(names, q.Name)
	}
	for _, o := range s.live.Objects() {
		if ref := o.Ref(); ref.Kind == topology.KindQueue && ref.VHost == s.vhost && !slices.Contains(names, ref.Name) {
			others = append(others, ref.Name)
		}
	}
	slices.Sort(others)
	return append(names, others...)
}

func nearestName(name string, names []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, n := range names {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(n)); d < least {
			best, least = n, d
		}
	}
	return best
}

func (s *dlqSession) identity() dlq.Identity {
	return dlq.Identity{Login: s.connection.User, Impersonator: slices.Contains(s.live.Server.Tags, "impersonator")}
}

// from says how to take messages out of a queue, of which total are ready now.
func (s *dlqSession) from(ctx context.Context, q *topology.Queue, l dlq.Looking, total int64) dlq.From {
	if q.Type == topology.Stream {
		total = -1
	}
	src := s.broker.Source(s.vhost)
	if l.Room != nil && !l.Guard {
		src = dlq.Rescuing(src, *l.Room, s.keeper(q.Name), func(m *message.Message) {
			s.deps.warn(fmt.Sprintf("message %q had reached the delivery limit of queue %s: a confirmed copy is at its end "+
				"now, in the place of the original", m.MessageID, q.Name))
		})
	}
	return dlq.From{
		Source: src, Counter: inVHost{s.broker, s.vhost}, Queue: q.Name, Type: q.Type, Total: total, Return: l.Return,
		Reconnect: s.reconnect(), Mean: s.meanBytes(ctx, q),
	}
}

// meanBytes is how large the messages of a queue are on average, 0 when the broker does not tell.
func (s *dlqSession) meanBytes(ctx context.Context, q *topology.Queue) int64 {
	bytes, messages, err := s.broker.MessageBytes(ctx, s.vhost, q.Name)
	if err != nil || bytes < 0 || messages <= 0 {
		return 0
	}
	return max(bytes/messages, 1)
}

func (s *dlqSession) reconnect() dlq.Reconnect {
	attempts := s.connection.ReconnectAttempts
	if attempts == 0 {
		attempts = -1 // the flag's 0 is never
	}
	return dlq.Reconnect{Delay: s.connection.ReconnectDelay, Attempts: attempts}
}
