package exporter

import (
	"cmp"
	"slices"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
)

// schedule decides which queues a collection samples: a bounded number of them, those with the
// oldest sample first. The zero value is ready; it is for one goroutine.
type schedule struct {
	samples map[topology.Ref]*Sample
}

// next returns the queues to sample, at most limit: those that hold messages and were never
// sampled, then those whose sample is the oldest. It forgets the samples of queues that are empty
// or gone.
func (r *schedule) next(list []Queue, limit int) []Queue {
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
	slices.SortStableFunc(due, func(a, b Queue) int {
		return cmp.Or(r.sampledAt(a).Compare(r.sampledAt(b)), a.ref().Compare(b.ref()))
	})
	return due[:min(len(due), max(limit, 0))]
}

func (r *schedule) sampledAt(q Queue) time.Time {
	if s := r.samples[q.ref()]; s != nil {
		return s.At
	}
	return time.Time{}
}

func (r *schedule) record(q Queue, s *Sample) { r.samples[q.ref()] = s }

// fill gives each queue its last sample.
func (r *schedule) fill(list []Queue) {
	for i := range list {
		list[i].Sample = r.samples[list[i].ref()]
	}
}
