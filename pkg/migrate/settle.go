package migrate

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Settle notes the unfinished migrations of a live state in its Migrations. It removes what they made,
// and all records of migrations. Bindings that they lead elsewhere become those of the queue again,
// which is added if it is missing for the moment. So nobody takes the middle of a migration for a
// fault, exports it or repairs it. Queues that no record names stay, unless records cannot be read.
func Settle(live *topology.Live) {
	s := settling{live: live, jobs: map[[2]string]*Job{}, open: map[[2]string]*topology.Migration{}}
	s.records()
	s.objects()
	if len(s.remove)+len(s.add) == 0 {
		return
	}
	for _, m := range s.open {
		live.Migrations = append(live.Migrations, *m)
	}
	slices.SortFunc(live.Migrations, func(a, b topology.Migration) int {
		return cmp.Or(cmp.Compare(a.VHost, b.VHost), s.started(a).Compare(s.started(b)), cmp.Compare(a.ID, b.ID))
	})
	live.State = *live.Revise(s.add, s.remove)
}

// settling collects what Settle does. Jobs and open migrations are by vhost and ID.
type settling struct {
	live   *topology.Live
	jobs   map[[2]string]*Job
	open   map[[2]string]*topology.Migration
	add    []topology.Object
	remove []topology.Ref
	// damaged are the reasons why records cannot be read, by ID.
	damaged map[string]string
}

func (s *settling) started(m topology.Migration) time.Time {
	if j := s.jobs[[2]string{m.VHost, m.ID}]; j != nil {
		return j.Started
	}
	return time.Time{}
}

// records reads the jobs of the vhosts that were read.
func (s *settling) records() {
	s.damaged = map[string]string{}
	for ref, o := range s.live.All() {
		p, ok := o.(*topology.GlobalParameter)
		if !ok || !IsJob(ref.Name) {
			continue
		}
		s.remove = append(s.remove, ref)
		value, err := json.Marshal(p.Value)
		if err != nil {
			continue
		}
		j, err := Decode(p.Name, value)
		if err != nil {
			s.damaged[strings.TrimPrefix(p.Name, parameterPrefix)] = err.Error()
			continue
		}
		if !s.live.Has(topology.ExchangeRef(j.From.VHost, "")) {
			continue // a vhost that was not read
		}
		key := [2]string{j.From.VHost, j.ID}
		s.jobs[key] = j
		s.open[key] = &topology.Migration{ID: j.ID, VHost: j.From.VHost, From: j.From.Name, To: j.To.Name,
			Stage: string(j.Stage), Running: s.live.Locks[lockOf(j)]}
		if !s.live.Has(j.From.Ref()) && !s.live.Has(j.To.Ref()) {
			s.add = append(s.add, j.To)
		}
	}
}

func lockOf(j *Job) topology.Ref {
	return topology.QueueRef(j.From.VHost, topology.LockName(topology.QueueLock(j.From.Name)))
}

// objects removes what belongs to open migrations.
func (s *settling) objects() {
	for ref, o := range s.live.All() {
		switch ref.Kind {
		case topology.KindQueue, topology.KindExchange:
			if m := s.of(ref.VHost, ref.Name); m != nil {
				s.remove = append(s.remove, ref)
				m.Messages += s.live.Status[ref].Messages
			}
		case topology.KindBinding:
			s.binding(ref, o.(*topology.Binding))
		}
	}
}

// of returns the open migration that made a queue or an exchange, nil if there is none.
func (s *settling) of(vhost, name string) *topology.Migration {
	id, ok := topology.OfMigration(name)
	if !ok {
		return nil
	}
	key := [2]string{vhost, id}
	if m := s.open[key]; m != nil {
		return m
	}
	why := cmp.Or(s.damaged[id], s.live.Unreadable[topology.KindGlobalParameter])
	if why == "" {
		return nil
	}
	m := &topology.Migration{ID: id, VHost: vhost, Unread: why}
	for lock := range s.live.Locks {
		m.Running = m.Running || lock.VHost == vhost && topology.IsQueueLock(lock.Name)
	}
	s.open[key] = m
	return m
}

// binding removes a binding of a migration. One that leads to its route is one of the queue.
func (s *settling) binding(ref topology.Ref, b *topology.Binding) {
	m := s.of(b.VHost, b.Source)
	own := m != nil
	if !own {
		m = s.of(b.VHost, b.Destination)
	}
	if m == nil {
		return
	}
	s.remove = append(s.remove, ref)
	j := s.jobs[[2]string{m.VHost, m.ID}]
	if own || j == nil || b.Ref().DestinationRef() != j.Route().Ref() {
		return
	}
	copied := *b
	copied.DestinationType, copied.Destination = topology.ToQueue, j.To.Name
	if !s.live.Has(j.To.Ref()) && s.live.Has(j.From.Ref()) {
		copied.Destination = j.From.Name
	}
	if !s.live.Has(copied.Ref()) {
		s.add = append(s.add, &copied)
	}
}
