package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Action is what a Step does to its object.
type Action string

// The actions.
const (
	// Create makes what is missing.
	Create Action = "create"
	// Update changes what the broker lets change in place.
	Update Action = "update"
	// Replace deletes and creates again, because an immutable field differs.
	Replace Action = "replace"
	// Delete removes.
	Delete Action = "delete"
	// Adopt records an existing, equal object as owned by the topology; nothing else changes.
	Adopt Action = "adopt"
)

// FieldChange is one difference: Have is nil when the field is absent now, Want when it is to go.
type FieldChange struct {
	Field     string          `json:"field"`
	Have      any             `json:"have"`
	Want      any             `json:"want"`
	Unit      capability.Unit `json:"unit,omitempty"`
	Immutable bool            `json:"immutable,omitempty"`
}

// Risk is what a destructive step may lose, as read live. Messages and Consumers are numbers of
// these, 0 if not known.
type Risk struct {
	Messages  int64 `json:"messages"`
	Consumers int64 `json:"consumers"`
	// Known is false when the broker gave no counts.
	Known bool `json:"known"`
}

// Step is one change to one object.
type Step struct {
	Action  Action
	Ref     topology.Ref
	Have    topology.Object // nil for Create
	Want    topology.Object // nil for Delete
	Changes []FieldChange
	// Why says in words why the step is what it is: why a replace cannot be an update, why
	// something is deleted.
	Why string
	// Rebind says that a Create only restores a binding that a Replace removes: the broker has it
	// now, as declared.
	Rebind bool
	// Risk is set for Replace and Delete of queues (and of vhosts: the sum of their queues). It is
	// set for policies that would drop messages, and for what leaves dead letters nowhere to go.
	Risk *Risk
	// Queues are those that stay and would lose messages by the step if they held enough, ordered.
	Queues []topology.Ref
	// elsewhere is the part of Risk that is in Queues, nil if there is none.
	elsewhere *Risk
	// noted counts the queues that Why says something of.
	noted int
	// Conditions is what a Delete, or the deletion inside a Replace, may lose at most.
	Conditions topology.DeleteConditions
	// Blocked, when not empty, says why apply would refuse the whole plan.
	Blocked string
	// Remedy is which option would allow a blocked step.
	Remedy Remedy
}

// Plan is the difference between a wanted and a live state, as a value: what Apply executes, and
// nothing else. Plans are immutable once made.
type Plan struct {
	// Name is the topology's name, "" when nothing records ownership.
	Name string
	// Owner is its name in the broker's records, see State.Owner.
	Owner  string
	Server topology.Server
	// Destroys says that the plan is one to delete what the file declares: see Destroy.
	Destroys bool
	Steps    []Step
	// LeftAlone lists declared objects that cannot be applied without the management API.
	LeftAlone []topology.Ref
	// Problems are what the broker would refuse or ignore. With an Error among them nothing is
	// applied.
	Problems diag.Diagnostics
	// Spread says where new replicated queues begin; nil when there is one node, or nothing to say.
	Spread *Spread
	// Retries says, for each queue with retry steps, how this broker implements them.
	Retries []Retry
	// Unchanged counts declared objects that are as they should be.
	Unchanged int
	// Undeclared lists objects that the topology once applied and no longer declares, when the plan
	// does not prune.
	Undeclared []topology.Ref
	// PruneNeeds are those of Undeclared that Prune alone does not reach. The value is the kind
	// that has to be named (Options.PruneKinds), or empty where the files do not name the object's
	// vhost.
	PruneNeeds map[topology.Ref]topology.Kind
	// Unowned lists declared objects that exist, are equal, and were not created by this topology:
	// Options.Adopt records them.
	Unowned []topology.Ref
	// Foreign lists objects that the plan changes or deletes, and that no record says this topology
	// created. It is empty where no record can be read.
	Foreign []topology.Ref
	// Ownership is what the record will be when all steps are done; nil when Name is "" or it
	// cannot be kept.
	Ownership *topology.Ownership
	// RecordedOwnership is what the broker's record says now.
	RecordedOwnership *topology.Ownership
	// Released are the records, as they are now, of the topologies that some of Ownership is taken
	// over from: what it names goes out of them. See Options.AdoptFrom.
	Released []topology.Ownership
	// Forgotten are the records of other topologies that name nothing but what was in vhosts that
	// are gone, or that the plan deletes. They go.
	Forgotten []topology.Ownership
}

// Empty reports whether no object is to change or to be adopted.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// OnlyRecords reports whether the plan changes only records of ownership, whose objects no longer
// exist or belong to others.
func (p *Plan) OnlyRecords() bool {
	if !p.Empty() || p.Ownership == nil {
		return false
	}
	return len(p.Released)+len(p.Forgotten) > 0 || !sameRecord(p.RecordedOwnership, p.Ownership)
}

// Drift returns the steps for objects that are not now as declared: those that only record an
// owner, or make a binding again after a Replace, are left out.
func (p *Plan) Drift() []Step {
	var drift []Step
	for _, s := range p.Steps {
		if s.Action != Adopt && !s.Rebind {
			drift = append(drift, s)
		}
	}
	return drift
}

// Count returns how many steps have that action.
func (p *Plan) Count(a Action) int {
	n := 0
	for _, s := range p.Steps {
		if s.Action == a {
			n++
		}
	}
	return n
}

// Blocked returns the steps that apply would refuse.
func (p *Plan) Blocked() []Step {
	var blocked []Step
	for _, s := range p.Steps {
		if s.Blocked != "" {
			blocked = append(blocked, s)
		}
	}
	return blocked
}

// Destructive reports whether the plan deletes or replaces anything, or drops messages.
func (p *Plan) Destructive() bool {
	return slices.ContainsFunc(p.Steps, Step.Destructive)
}

// Destructive reports whether the step deletes or replaces something, or drops messages.
func (s Step) Destructive() bool { return s.Action == Delete || s.Action == Replace || s.Risk != nil }

// Risk sums what the plan's steps may lose. Known is false when a count is missing.
func (p *Plan) Risk() Risk {
	sum := Risk{Known: true}
	for _, s := range p.Steps {
		if s.Risk != nil {
			sum.Messages += s.Risk.Messages
			sum.Consumers += s.Risk.Consumers
			sum.Known = sum.Known && s.Risk.Known
		}
	}
	return sum
}

// Refusal says why Apply would not begin: errors among the problems, or blocked steps. nil when it
// would.
func (p *Plan) Refusal() error {
	blocked := p.Blocked()
	if !p.Problems.HasErrors() && len(blocked) == 0 {
		return nil
	}
	return &RefusedError{Problems: p.Problems, Blocked: blocked}
}

// Options say how a difference becomes a plan.
type Options struct {
	// Prune deletes what the topology's name once applied and no longer declares.
	Prune bool
	// PruneKinds are kinds that Prune deletes although the files have none of them. A record of
	// what a topology applied is a claim that others can forge. So users, vhosts and global
	// parameters always have to be named here, and permissions, limits, parameters and policies
	// where the files declare none. Topic permissions go with permissions, and both with users.
	PruneKinds []topology.Kind
	// Adopt records existing declared objects as owned, unless another topology owns them.
	Adopt bool
	// AdoptFrom names topologies, as NAME or NAME@VHOST, whose objects become this one's where they
	// are declared: a topology that was renamed, or a file that objects were moved out of.
	AdoptFrom []string
	// ReplaceEmpty allows Replace of exchanges, and of queues that are unused and empty.
	ReplaceEmpty bool
	// MaxMessageLoss allows the loss of that many messages in all. They go with deleted queues (and
	// with any consumers when > 0), are dropped by policies, or have nowhere to be dead-lettered to.
	// Default 0.
	MaxMessageLoss int64
	// HomeFrom says who named the vhost of the topology, if not the files, such as "flag --vhost".
	HomeFrom string
}

// ErrChanged is wrapped when the broker changed between the plan that was shown and its execution.
var ErrChanged = errors.New("the broker changed since the plan was made")

// RefusedError says why a plan is not applied at all: nothing was written.
type RefusedError struct {
	// Problems has the plan's problems, at least one of them an error, or no error when Blocked is
	// the reason.
	Problems diag.Diagnostics
	// Blocked are the steps that need a flag, or a change elsewhere, first.
	Blocked []Step
}

// Error lists every reason, one a line.
func (e *RefusedError) Error() string {
	lines := []string{"nothing was changed:"}
	for _, d := range e.Problems {
		if d.Severity == diag.Error {
			lines = append(lines, "  "+d.Error())
		}
	}
	for _, s := range e.Blocked {
		lines = append(lines, fmt.Sprintf("  %s %s: %s", s.Action, s.Ref.Full(), s.Blocked))
	}
	return strings.Join(lines, "\n")
}

// Remedy is an option that would allow what is blocked: what of Options, and how much. A command
// line says by which flag it is set.
type Remedy struct {
	Kind RemedyKind
	// Messages is what MaxMessageLoss would have to be, where it is known.
	Messages int64
	// Owner is who AdoptFrom would have to name.
	Owner string
}

// RemedyKind names an option.
type RemedyKind uint8

// The kinds.
const (
	// NoRemedy: no option allows it.
	NoRemedy RemedyKind = iota
	// AllowReplace: ReplaceEmpty.
	AllowReplace
	// AllowLoss: MaxMessageLoss of at least Messages, all that the plan would lose.
	AllowLoss
	// AllowConsumers: a MaxMessageLoss of 1 or more deletes a queue that has consumers, too.
	AllowConsumers
	// AllowUncounted: MaxMessageLoss of Messages or more. Nobody knows how many messages there are.
	AllowUncounted
	// AllowTakeOver: AdoptFrom with Owner, which owns the object now.
	AllowTakeOver
	// AllowAdopt: a plan of Diff with Adopt records that the topology owns the object.
	AllowAdopt
	// AllowAdoptBindings: the same with the bindings that Blocked names, once the files declare them.
	AllowAdoptBindings
)
