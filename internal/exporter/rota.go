package exporter

import (
	"cmp"
	"slices"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Rota remembers what was looked into, and says whose turn it is: however many queues there are, a
// collection looks into so many of them, and all have their turn. The zero value is ready; it is
// for one goroutine.
type Rota struct {
	samples map[topology.Ref]*Sample
}

// Next returns the queues to look into, at most so many: those that hold messages and were never
// looked into, then those whose sample is the oldest. What a queue that is empty or gone told
// before is forgotten.
func (r *Rota) Next(list []Queue, most int) []Queue {
	keep, due := map[topology.Ref]*Sample{}, []Queue(nil)
	for _, q := range list {
		if q.Known && q.Ready == 0 {
			continue
		}
		if s := r.samples[q.ref()]; s != nil {
			keep[q.ref()] = s
		}
		due = append(due, q)
	}
	r.samples = keep
	slices.SortStableFunc(due, func(a, b Queue) int { return cmp.Or(r.at(a).Compare(r.at(b)), a.ref().Compare(b.ref())) })
	return due[:min(len(due), max(most, 0))]
}

func (r *Rota) at(q Queue) time.Time {
	if s := r.samples[q.ref()]; s != nil {
		return s.At
	}
	return time.Time{}
}

// Note remembers what a look told.
func (r *Rota) Note(q Queue, s *Sample) { r.samples[q.ref()] = s }

// Fill gives queues the samples that were taken of them.
func (r *Rota) Fill(list []Queue) {
	for i := range list {
		list[i].Sample = r.samples[list[i].ref()]
	}
}
