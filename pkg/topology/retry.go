package topology

import "slices"

// RetrySchedule is how a file wants the messages of a queue tried again. How a broker does it is
// decided against the live one, when a plan is made.
type RetrySchedule struct {
	// Queue is the one whose messages are tried again.
	Queue Ref
	// Delays are in milliseconds, one before each further attempt.
	Delays []int64
	// WaitQueues has, for each delay, the wait queues that a message may take: one, or with jitter
	// three.
	WaitQueues [][]Ref
	// Jitter spreads each delay by so many percent. 0 does not.
	Jitter int64
	// QueuesOnly forbids the broker's own delay, whose count of attempts includes lost connections.
	QueuesOnly bool
}

// AddRetrySchedule adds the retry schedule of a queue. Its wait queues are added as any others.
func (s *State) AddRetrySchedule(r RetrySchedule) {
	if s.retries == nil {
		s.retries = map[Ref]RetrySchedule{}
	}
	s.retries[r.Queue] = r
}

// RetrySchedule returns the retry schedule of a queue, and false when it has none.
func (s *State) RetrySchedule(queue Ref) (RetrySchedule, bool) {
	r, ok := s.retries[queue]
	return r, ok
}

// RetrySchedules returns all retry schedules in the order of their queues.
func (s *State) RetrySchedules() []RetrySchedule {
	list := make([]RetrySchedule, 0, len(s.retries))
	for _, r := range s.retries {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b RetrySchedule) int { return a.Queue.Compare(b.Queue) })
	return list
}
