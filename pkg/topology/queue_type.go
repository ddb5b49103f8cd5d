package topology

import (
	"cmp"

	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// QueueType returns the type that a queue of the state has on a broker of that version ("" is the
// newest). That is the one that the files name. Otherwise, where brokers know one, it is the
// default of the vhost that the state declares (fact default-queue-type). An import of definitions
// and a declaration do the same. The default of a live vhost is not looked at: see Diff.
func (s *State) QueueType(q *Queue, version string) string {
	if q.TypeDeclared || !takesDefaultType(q, version) {
		return q.Type
	}
	if t := s.declaredDefault(q.VHost); t != "" {
		return t
	}
	return q.Type
}

func takesDefaultType(q *Queue, version string) bool {
	return q.Durable && !q.AutoDelete && !q.Exclusive &&
		capability.VersionAtLeast(version, capability.DefaultQueueTypeSince)
}

// declaredDefault returns the default queue type that a vhost declares, "" for none.
func (s *State) declaredDefault(vhost string) string {
	if v, ok := s.objects[Ref{Kind: KindVHost, Name: vhost}].(*VHost); ok && v.Declared.DefaultQueueType {
		return v.DefaultQueueType
	}
	return ""
}

// Typed returns the state with the type of every queue set to its QueueType: s itself when that
// changes nothing. s is not changed.
func (s *State) Typed(version string) *State {
	vhosts := map[string]bool{}
	for ref := range s.objects {
		if ref.Kind == KindVHost && s.declaredDefault(ref.Name) != "" {
			vhosts[ref.Name] = true
		}
	}
	if len(vhosts) == 0 {
		return s
	}
	var typed []Object
	for ref, o := range s.objects {
		if q, ok := o.(*Queue); ok && vhosts[ref.VHost] {
			typed = append(typed, q.WithType(s.QueueType(q, version)))
		}
	}
	return s.Revise(typed, nil)
}

// WithType returns a queue like q of that type, q itself when it has the type already.
func (q *Queue) WithType(queueType string) *Queue {
	if queueType == q.Type {
		return q
	}
	typed := *q
	typed.Type = queueType
	return &typed
}

// DefaultQueueType returns the type that a broker gives to a queue whose file names none (fact
// default-queue-type). That is the default of the vhost as the file declares it, else as the broker
// has it, else the node's default.
func DefaultQueueType(q *Queue, want *State, have *Live) string {
	if !takesDefaultType(q, have.Server.Version) {
		return Classic
	}
	if t := want.declaredDefault(q.VHost); t != "" {
		return t
	}
	live, ok := have.objects[Ref{Kind: KindVHost, Name: q.VHost}].(*VHost)
	if ok && live.DefaultQueueType != "" {
		return live.DefaultQueueType
	}
	return cmp.Or(have.Server.DefaultQueueType, Classic)
}
