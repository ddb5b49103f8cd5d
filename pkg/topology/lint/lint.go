package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Severity says how bad a finding is.
type Severity string

const (
	// Error loses messages, or is refused by the broker.
	Error Severity = "error"
	// Warning can lose messages, or does not do what it seems to.
	Warning Severity = "warning"
	// Note is worth knowing.
	Note Severity = "note"
	// Off hides a rule: only for a configuration.
	Off Severity = "off"
)

// AtLeast reports whether s is as bad as o or worse.
func (s Severity) AtLeast(o Severity) bool { return s.rank() >= o.rank() }

func (s Severity) rank() int { return slices.Index([]Severity{Off, Note, Warning, Error}, s) }

// Rule is one sort of fault.
type Rule struct {
	// ID never changes: people write it into comments and configurations.
	ID       string
	Severity Severity
	// Title is one line, without a full stop.
	Title string
	// Consequence says what happens at run time, Fix what to do. Both are sentences.
	Consequence, Fix string
	// Bad has the fault, Good has not: topology files, or definitions where they begin with {.
	Bad, Good string
	// Version is the broker that Bad is for, "" for the newest.
	Version string
	// Live says that only a broker can show the fault: there are no examples.
	Live  bool
	check func(*run)
}

// Finding is one fault at one place.
type Finding struct {
	Rule     string        `json:"rule"`
	Severity Severity      `json:"severity"`
	Position diag.Position `json:"position,omitzero"`
	// Pointer is the place as a JSON Pointer, in definitions files.
	Pointer string `json:"pointer,omitempty"`
	// Object names the object, as a person would.
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
	// Why and Fix are about this fault; where they say nothing, the rule's own are used.
	Why string `json:"why,omitempty"`
	Fix string `json:"fix,omitempty"`
	// Ignored is the reason why a comment or the configuration lets it pass; such findings do not
	// count.
	Ignored string `json:"ignored,omitempty"`
	// ByConfig says that the configuration does, not a comment.
	ByConfig bool `json:"-"`

	Ref  topology.Ref `json:"-"`
	part string
}

// Input is what is known. Only State is needed.
type Input struct {
	State *topology.State
	// Version is the broker's, "4.3" or "4.3.6"; "" is the newest.
	Version string
	// Problems are what reading and checking have found.
	Problems diag.Diagnostics
	// External is what the files use and somebody else declares.
	External map[topology.Ref]bool
	Events   []Event
	// DeadLetters are where dead letters go, as pkg/dlq finds out.
	DeadLetters DeadLetters
	// Literal reports whether a text stands in a file as it is, and was not put in by a variable.
	// nil: it does.
	Literal func(text string) bool
	// Live has what only a broker tells; nil offline.
	Live *Live
}

// Event is a declared event.
type Event struct {
	VHost, Name, Exchange, Key string
	Position                   diag.Position
}

// DeadLetters is where dead letters go.
type DeadLetters struct {
	Losses []Loss
	// Queues are those that dead letters reach and stay in.
	Queues []DeadLetterQueue
	// Waits are the queues in which messages wait by design, until they expire.
	Waits map[topology.Ref]bool
}

// Loss is a queue whose dead letters, or some, reach no queue.
type Loss struct {
	Queue topology.Ref
	// Exchange is the dead-letter exchange, From what sets it, Key an example of a key that is
	// lost.
	Exchange, From, Key string
	// All says that none arrives. Certain says that it does not depend on headers, plugins or
	// undecided policies. Kept says that the messages pile up in the queue instead. Replayed says
	// that only messages are meant that were published straight to the queue.
	All, Certain, Kept, Replayed bool
	Reason                       string
}

// DeadLetterQueue is a queue that dead letters reach and stay in.
type DeadLetterQueue struct {
	Queue topology.Ref
	// From are the queues where they died, ordered.
	From []string
}

// Live is what only a broker tells.
type Live struct {
	*topology.Live
	// Drift are differences between the files and the broker, a sentence each, by object; nil
	// without files.
	Drift map[topology.Ref]string
	// Owned reports whether some topology's record has the object, or the files declare it. nil:
	// nobody asks.
	Owned func(topology.Ref) bool
}

// Rules returns all rules, in the order of the documentation.
func Rules() []Rule {
	return slices.Concat(deadLetterRules(), deadLetterQueueRules(), policyRules(), routingRules(), bindingRules(),
		queueRules(), brokerRules(), accessRules(), permissionRules(), fileRules(), liveRules())
}

// Lookup returns a rule by its id.
func Lookup(id string) (Rule, bool) {
	all := Rules()
	i := slices.IndexFunc(all, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Rule{}, false
	}
	return all[i], true
}

// Run finds all faults. The order is that of Sort.
func Run(in Input) []Finding {
	r := newRun(in)
	for _, rule := range r.rules {
		if rule.check != nil && (!rule.Live || in.Live != nil) {
			r.rule = rule
			rule.check(r)
		}
	}
	r.diagnostics(in.Problems)
	Sort(r.findings)
	return r.findings
}

// Sort orders findings by place, then object and rule.
func Sort(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(
			strings.Compare(a.Position.File, b.Position.File), cmp.Compare(a.Position.Line,
				b.Position.Line), cmp.Compare(a.Position.Column, b.Position.Column),
			strings.Compare(a.Object, b.Object), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message),
		)
	})
}

// Worst returns the worst severity of the findings that count, Off when there is none.
func Worst(list []Finding) Severity {
	worst := Off
	for _, f := range list {
		if f.Ignored == "" && f.Severity.AtLeast(worst) {
			worst = f.Severity
		}
	}
	return worst
}

// name names an object: with its vhost where there are several.
func (r *run) name(ref topology.Ref) string {
	if r.many && ref.VHost != "" {
		return ref.Full()
	}
	return ref.String()
}

// some lists names, not too many.
func some(names []string) string {
	const most = 3
	quoted := make([]string, 0, most+1)
	for i, n := range names {
		if i == most && len(names) > most+1 {
			quoted = append(quoted, fmt.Sprintf("%d more", len(names)-i))
			break
		}
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	if len(quoted) == 1 {
		return quoted[0]
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " and " + quoted[len(quoted)-1]
}
