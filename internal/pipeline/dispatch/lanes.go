package dispatch

import "sync"

// lanes hands jobs to workers in the order in which they came. Jobs with the same key run one after
// another. The prefetch bounds the number of jobs.
type lanes[T any] struct {
	mu     sync.Mutex
	more   *sync.Cond
	ready  []*Job[T]
	head   int
	keys   map[string][]*Job[T] // waiting behind the one that is ready or with a worker
	closed bool
}

func newLanes[T any]() *lanes[T] {
	l := &lanes[T]{keys: map[string][]*Job[T]{}}
	l.more = sync.NewCond(&l.mu)
	return l
}

// put adds a job. It never waits.
func (l *lanes[T]) put(j *Job[T]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if j.key != "" {
		if behind, busy := l.keys[j.key]; busy {
			l.keys[j.key] = append(behind, j)
			return
		}
		l.keys[j.key] = nil
	}
	l.push(j)
}

// again adds a job that has had its turn. The job still occupies its lane.
func (l *lanes[T]) again(j *Job[T]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.push(j)
}

func (l *lanes[T]) push(j *Job[T]) {
	l.ready = append(l.ready, j)
	l.more.Signal()
}

// take waits for a job. It returns false after close, when no job is left.
func (l *lanes[T]) take() (*Job[T], bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.head == len(l.ready) {
		if l.closed {
			return nil, false
		}
		l.more.Wait()
	}
	j := l.ready[l.head]
	l.ready[l.head] = nil
	if l.head++; l.head == len(l.ready) {
		l.ready, l.head = l.ready[:0], 0
	} else if l.head >= 1024 {
		n := copy(l.ready, l.ready[l.head:])
		clear(l.ready[n:])
		l.ready, l.head = l.ready[:n], 0
	}
	return j, true
}

// done frees the lane of a job for the next job.
func (l *lanes[T]) done(j *Job[T]) {
	if j.key == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	behind := l.keys[j.key]
	if len(behind) == 0 {
		delete(l.keys, j.key)
		return
	}
	l.keys[j.key] = behind[1:]
	l.push(behind[0])
}

// close makes take return false once no job is left.
func (l *lanes[T]) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.more.Broadcast()
}
