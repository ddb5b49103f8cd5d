package discover

import (
	"github.com/msgctl/msgctl/pkg/topology"
	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// policySet has the policies and operator policies of a vhost, highest precedence first.
type policySet struct {
	version string
	list    []*topology.Policy
	judged  *routing.Policies
}

// applied is the setting of a policy, and how certain it is that the policy applies.
type applied struct {
	policy *topology.Policy
	from   routing.Applied
}

// Setting is the effective value of a setting, and where it comes from.
type Setting routing.Setting

// Int returns the value as a number, and false if it is not a number.
func (s Setting) Int() (int64, bool) { return routing.Setting(s).Int() }

// Text returns the value as a string, "" if it is not a string.
func (s Setting) Text() string { return routing.Setting(s).Text() }

// settings finds the effective settings of a queue.
type settings struct {
	routing.Settings
	queue          *topology.Queue
	user, operator applied
}

func (s *policySet) settings(q *topology.Queue) settings {
	of := s.judged.Of(q)
	return settings{Settings: of, queue: q, user: applied{of.User.Policy, of.User},
		operator: applied{of.Operator.Policy, of.Operator}}
}

func (s settings) get(key string) Setting { return Setting(s.Get(key)) }
