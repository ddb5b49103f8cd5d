package browse

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/topology"
)

// LiftedLimit is an override on the broker: of a command that is running, or of one that was killed
// before it could put the limit back. Nothing on the broker tells the two apart.
type LiftedLimit struct {
	VHost, Queue string
	// Policy is its name; Operator says that it is an operator policy.
	Policy   string
	Operator bool
	// Since is when it was made, by the clock of who made it; zero is unknown.
	Since time.Time
	// Remove is the command that puts the limit back.
	Remove string
}

// String says what the override does, and how to end it.
func (l LiftedLimit) String() string { return l.Text() + "; " + l.Next() }

// Text says what the override does.
func (l LiftedLimit) Text() string {
	since := ""
	if !l.Since.IsZero() {
		since = " since " + l.Since.Format(time.RFC3339)
	}
	return fmt.Sprintf("queue %q of vhost %q has had no delivery limit%s: policy %q lifts it, as a guarded msgctl "+
		"command does while it runs", l.Queue, l.VHost, since, l.Policy)
}

// Next says how to put the limit back.
func (l LiftedLimit) Next() string {
	return "unless that is still running, remove the policy with: " + l.Remove
}

// LiftedLimits returns the overrides in a state, in its order.
func LiftedLimits(s *topology.State) (list []LiftedLimit) {
	var queues map[string]string // by pattern; names alone, because a pattern has no vhost
	for _, o := range s.Objects() {
		p, ok := o.(*topology.Policy)
		if !ok || !isOverride(p) {
			continue
		}
		if queues == nil {
			queues = patterns(s)
		}
		l := LiftedLimit{VHost: p.VHost, Queue: queues[p.Pattern], Policy: p.Name, Operator: p.Operator,
			Remove: clearCommand(p)}
		if l.Queue == "" { // it is deleted
			l.Queue = strings.TrimSuffix(strings.TrimPrefix(p.Pattern, "^"), "$")
		}
		made, _, _ := strings.Cut(strings.TrimPrefix(p.Name, OverridePrefix), "-")
		l.Since, _ = time.Parse(overrideTime, made)
		list = append(list, l)
	}
	return list
}

func patterns(s *topology.State) map[string]string {
	names := map[string]string{}
	for _, o := range s.Objects() {
		if q, ok := o.(*topology.Queue); ok {
			names[overridePattern(q.Name)] = q.Name
		}
	}
	return names
}

func overridePattern(queue string) string { return "^" + regexp.QuoteMeta(queue) + "$" }

func isOverride(p *topology.Policy) bool { return strings.HasPrefix(p.Name, OverridePrefix) }

// withoutOverrides leaves out the overrides of other commands, which may go at any moment.
func withoutOverrides(all []*topology.Policy) (list []*topology.Policy) {
	for _, p := range all {
		if !isOverride(p) {
			list = append(list, p)
		}
	}
	return list
}

// clearCommand is the command that removes a policy.
func clearCommand(p *topology.Policy) string {
	verb := "clear_policy"
	if p.Operator {
		verb = "clear_operator_policy"
	}
	return fmt.Sprintf("rabbitmqctl %s -p %s %s", verb, shell.Quote(p.VHost), shell.Quote(p.Name))
}
