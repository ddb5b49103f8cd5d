package route

import (
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Setting is the value that an object obeys, and where it comes from.
type Setting struct {
	// Value is in normal form; nil when nothing sets it.
	Value any
	// From says what sets it: `argument x-message-ttl`, `policy "dead"`, `operator policy
	// "limits"`.
	From string
	// Unsure, when not empty, says why the value may be another.
	Unsure string
	// Policy is what sets it, when a policy does.
	Policy *topology.Policy
}

// Int returns the value as a number, and false when it is none.
func (s Setting) Int() (int64, bool) {
	n, ok := s.Value.(int64)
	return n, ok
}

// Text returns the value as text, "" when it is none.
func (s Setting) Text() string {
	t, _ := s.Value.(string)
	return t
}

// brokersDefault is where a setting is from that nothing sets.
const brokersDefault = "the broker's default"

// Default says that nothing sets the value: it is the broker's.
func (s Setting) Default() bool { return s.From == brokersDefault }

// Settings are what one queue obeys.
type Settings struct {
	Queue   *topology.Queue
	version string
	// User and Operator are the policies that apply.
	User, Operator Applied
}

// Of returns the settings of a queue.
func (s *Policies) Of(q *topology.Queue) Settings {
	return Settings{Queue: q, version: s.version, User: s.ForQueue(q, false), Operator: s.ForQueue(q, true)}
}

// Get returns the value that is in force for a policy's key, like message-ttl
// (fact setting-precedence) (fact default-delivery-limit).
func (s Settings) Get(key string) Setting {
	arg := s.Argument(key)
	pol := s.User.Setting(key)
	op := s.Operator.Setting(key)
	switch key {
	case "delivery-limit":
		return s.deliveryLimit(arg, pol, op)
	case "message-ttl", "max-length", "max-length-bytes", "expires":
		return lowest(arg, lowest(pol, op))
	case "overflow":
		if s.Queue.Type == topology.Quorum {
			return first(op, pol, arg)
		}
		return first(op, arg, pol)
	}
	return first(arg, op, pol)
}

// Argument returns what the queue's own argument for a policy's key sets, nothing where the queue's
// type does not obey it.
func (s Settings) Argument(key string) Setting {
	name := "x-" + key
	v, ok := s.Queue.Arguments[name]
	if !ok {
		return Setting{}
	}
	if a, known := capability.LookupArgument(name); known && !a.TakenBy(s.Queue.Type, s.version) {
		return Setting{}
	}
	return Setting{Value: v, From: "argument " + name}
}

// Setting returns what the policy sets for a key.
func (a Applied) Setting(key string) Setting {
	if a.Policy == nil {
		return Setting{Unsure: a.Unsure}
	}
	v, ok := a.Policy.Definition[key]
	if !ok {
		return Setting{Unsure: a.Unsure}
	}
	return Setting{Value: v, From: a.Policy.Ref().String(), Unsure: a.Unsure, Policy: a.Policy}
}

func first(list ...Setting) Setting {
	unsure := ""
	for _, s := range list {
		if s.Value != nil {
			return s
		}
		if unsure == "" {
			unsure = s.Unsure
		}
	}
	return Setting{Unsure: unsure}
}

func lowest(a, b Setting) Setting {
	x, okA := a.Int()
	y, okB := b.Int()
	if okA && okB && y < x {
		return b
	}
	return first(a, b)
}

// deliveryLimit returns the limit in force. The minimum wins, but on 4.x a negative limit, which
// means unlimited, yields to one that is not negative (fact default-delivery-limit).
func (s Settings) deliveryLimit(list ...Setting) Setting {
	if s.Queue.Type == topology.Classic || s.Queue.Type == topology.Stream {
		return Setting{}
	}
	modern := capability.VersionAtLeast(s.version, "4.0")
	var won Setting
	for _, c := range list {
		v, ok := c.Int()
		w, has := won.Int()
		switch {
		case !ok:
		case !has:
			won = c
		case modern && v < 0:
		case (modern && w < 0) || v < w:
			won = c
		}
	}
	if won.Value == nil && modern {
		return Setting{Value: int64(DefaultDeliveryLimit), From: brokersDefault, Unsure: first(list...).Unsure}
	}
	if v, ok := won.Int(); ok && v < 0 && !modern {
		won.Value = int64(0)
	}
	return won
}

// DefaultDeliveryLimit is the delivery limit of a quorum queue on 4.x that nothing else limits.
const DefaultDeliveryLimit = 20
