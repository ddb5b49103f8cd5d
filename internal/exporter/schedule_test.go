package exporter

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// TestSchedule: every queue is sampled in turn, and no collection samples more than it may.
func TestSchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r schedule
		most := rapid.IntRange(1, 5).Draw(t, "most")
		queues := make([]Queue, rapid.IntRange(1, 30).Draw(t, "queues"))
		for i := range queues {
			queues[i] = Queue{VHost: "v", Name: strconv.Itoa(i), Ready: 1, Known: true}
		}
		looked := map[string]int{}
		rounds := (len(queues) + most - 1) / most
		for round := range 3 * rounds {
			next := r.next(queues, most)
			if len(next) != min(most, len(queues)) {
				t.Fatalf("%d looks of %d, for %d queues", len(next), most, len(queues))
			}
			for _, q := range next {
				looked[q.Name]++
				r.record(q, &Sample{At: noon.Add(time.Duration(round) * time.Minute)})
			}
		}
		for _, q := range queues {
			if looked[q.Name] < 2 {
				t.Fatalf("queue %s had %d turns in %d rounds", q.Name, looked[q.Name], 3*rounds)
			}
		}
	})
}

// TestScheduleForgets: what an empty queue told before is no longer true.
func TestScheduleForgets(t *testing.T) {
	var r schedule
	list := []Queue{{VHost: "v", Name: "q", Ready: 1, Known: true}, {VHost: "v", Name: "empty", Known: true},
		{VHost: "v", Name: "unknown"}}
	if next := r.next(list, 9); len(next) != 2 || next[0].Name != "q" || next[1].Name != "unknown" {
		t.Errorf("%+v", next)
	}
	r.record(list[0], &Sample{At: noon, Messages: 1})
	if r.fill(list); list[0].Sample == nil || list[1].Sample != nil {
		t.Errorf("%+v", list)
	}
	list[0].Ready = 0
	r.next(list, 0)
	if r.fill(list); list[0].Sample != nil {
		t.Error("an empty queue has a sample")
	}
}
