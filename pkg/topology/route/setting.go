package route

import (
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Setting is an effective value and its source.
type Setting struct {
	// Value is in normal form. It is nil if nothing sets it.
	Value any
	// From says what sets it: `argument x-message-ttl`, `policy "dead"`, `operator policy
	// "limits"`.
	From string
	// Unsure, if not empty, says why the value may be different.
	Unsure string
	// Policy is the policy that sets the value, or nil.
	Policy *topology.Policy
}

// Int returns the value as an integer. It returns false if the value is not an integer.
func (s Setting) Int() (int64, bool) {
	n, ok := s.Value.(int64)
	return n, ok
}

// Text returns the value as text, or "" if it is not text.
func (s Setting) Text() string {
	t, _ := s.Value.(string)
	return t
}

// brokersDefault is the From of a setting that has the default value of the broker.
const brokersDefault = "the broker's default"

// Default reports whether the value is the default of the broker.
func (s Setting) Default() bool { return s.From == brokersDefault }

// Settings are the effective settings of one queue: its arguments combined with its policies.
type Settings struct {
	Queue   *topology.Queue
	version string
	// User and Operator are the policies that apply.
	User, Operator Applied
}

// Of returns the effective settings of a queue.
func (s *Policies) Of(q *topology.Queue) Settings {
	return Settings{Queue: q, version: s.version, User: s.ForQueue(q, false), Operator: s.ForQueue(q, true)}
}

// Get returns the effective value of a policy key such as message-ttl (facts setting-precedence,
// default-delivery-limit).
func (s Settings) Get(key string) Setting {
	arg := s.Argument(key)
	pol := s.User.Setting(key)
	op := s.Operator.Setting(key)
	switch key {
	case "delivery-limit":
		return s.deliveryLimit(arg, pol, op)
	case "max-age", "max-length-bytes", "stream-max-segment-size-bytes", "stream-filter-size-bytes":
		if s.Queue.Type == topology.Stream {
			return first(lowest(pol, op), arg)
		}
		return lowest(arg, lowest(pol, op))
	case "message-ttl", "max-length", "expires":
		return lowest(arg, lowest(pol, op))
	case "overflow":
		if s.Queue.Type == topology.Quorum {
			return first(op, pol, arg)
		}
		return first(op, arg, pol)
	}
	return first(arg, op, pol)
}

// Argument returns the setting of the queue argument for a policy key. It has no value if the
// argument is not set or the queue type does not support it.
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

// Setting returns the value that the policy sets for a key. It is unsure only if a policy that may
// apply instead sets a different value or none.
func (a Applied) Setting(key string) Setting {
	unsure := a.unsureOf(key)
	if a.Policy == nil {
		return Setting{Unsure: unsure}
	}
	v, ok := a.Policy.Definition[key]
	if !ok {
		return Setting{Unsure: unsure}
	}
	return Setting{Value: v, From: a.Policy.Ref().String(), Unsure: unsure, Policy: a.Policy}
}

func (a Applied) unsureOf(key string) string {
	if a.unjudged != "" {
		return a.unjudged
	}
	others := slices.DeleteFunc(slices.Clone(a.Rivals), func(p *topology.Policy) bool {
		return amqptable.Canonical(p.Definition[key]) == amqptable.Canonical(a.Policy.Definition[key])
	})
	if len(others) == 0 {
		return ""
	}
	return sameRank(others)
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

// deliveryLimit returns the effective limit, which is the minimum. Where a negative limit means
// unlimited, it yields to a limit that is not negative (fact default-delivery-limit).
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

// DefaultDeliveryLimit is the default delivery limit of quorum queues (fact
// default-delivery-limit).
const DefaultDeliveryLimit = 20
