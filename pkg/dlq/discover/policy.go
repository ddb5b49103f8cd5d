package discover

import (
	"github.com/msgctl/msgctl/pkg/topology"
	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// policySet has the policies and operator policies of a vhost, those that win first.
type policySet struct {
	version string
	list    []*topology.Policy
	judged  *routing.Policies
}

// applied is what a policy that applies to a queue sets, and how sure that is.
type applied struct {
	policy *topology.Policy
	from   routing.Applied
}

// Setting is the value that a queue obeys, and where it comes from.
type Setting routing.Setting

// Int returns the value as a number, and false when it is none.
func (s Setting) Int() (int64, bool) { return routing.Setting(s).Int() }

// Text returns the value as text, "" when it is none.
func (s Setting) Text() string { return routing.Setting(s).Text() }

// settings finds what a queue obeys.
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
