package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Severity is how serious a finding is.
type Severity string

const (
	// Error is for faults that lose messages or that the broker refuses.
	Error Severity = "error"
	// Warning is for what can lose messages, or does not do what it seems to do.
	Warning Severity = "warning"
	// Note is for what is worth knowing.
	Note Severity = "note"
	// Off disables a rule. It is used in configurations only.
	Off Severity = "off"
)

// AtLeast reports whether s is as severe as o or more severe.
func (s Severity) AtLeast(o Severity) bool { return s.rank() >= o.rank() }

func (s Severity) rank() int { return slices.Index([]Severity{Off, Note, Warning, Error}, s) }

// Rule describes one kind of fault.
type Rule struct {
	// ID never changes: users write it into comments and configurations.
	ID       string
	Severity Severity
	// Title is one line, without a full stop.
	Title string
	// Consequence says what happens at run time, Fix what to do. Both are sentences.
	Consequence, Fix string
	// Bad is an example that has the fault, Good one that does not: topology files, or definitions
	// if they begin with {.
	Bad, Good string
	// Version is the broker version that Bad is for, "" for the newest.
	Version string
	// Live rules need a live broker; they have no examples.
	Live  bool
	check func(*run)
}

// Finding is one fault in one place.
type Finding struct {
	Rule     string        `json:"rule"`
	Severity Severity      `json:"severity"`
	Position diag.Position `json:"position,omitzero"`
	// Pointer is the place as a JSON Pointer; set in definitions files only.
	Pointer string `json:"pointer,omitempty"`
	// Object names the object for people: queue "orders".
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
	// Why and Fix are about this finding. Where they are empty, the texts of the rule apply.
	Why string `json:"why,omitempty"`
	Fix string `json:"fix,omitempty"`
	// Ignored is the reason why a comment or the configuration ignores the finding. Ignored
	// findings do not count.
	Ignored string `json:"ignored,omitempty"`
	// ByConfig is set if the configuration ignores it, not a comment.
	ByConfig bool `json:"-"`

	Ref  topology.Ref `json:"-"`
	part string
}

// Input is what lint works on. Only State is required.
type Input struct {
	State *topology.State
	// Version is the broker's, "4.3" or "4.3.6"; "" is the newest.
	Version string
	// Problems are the diagnostics of parsing and checking.
	Problems diag.Diagnostics
	// External are the objects that the files use but somebody else declares.
	External map[topology.Ref]bool
	Events   []Event
	// DeadLetters says where dead letters go, as pkg/dlq/discover finds out.
	DeadLetters DeadLetters
	// Literal reports whether a text is written in a file, and not substituted for a variable. If
	// nil, all texts are.
	Literal func(text string) bool
	// Live has what only a broker knows; nil offline.
	Live *Live
}

// Event is a declared event.
type Event struct {
	VHost, Name, Exchange, Key string
	Position                   diag.Position
}

// DeadLetters says where dead letters go.
type DeadLetters struct {
	Losses []Loss
	// Queues are the dead-letter queues: those that dead letters reach and stay in.
	Queues []DeadLetterQueue
	// Waits are the wait queues, in which messages wait on purpose until they expire.
	Waits map[topology.Ref]bool
}

// Loss is a queue with dead letters that reach no queue.
type Loss struct {
	Queue topology.Ref
	// Exchange is the dead-letter exchange, From what sets it, Key an example of a routing key that
	// is lost.
	Exchange, From, Key string
	// All: no dead letter reaches a queue. Certain: this does not depend on headers, plugins or
	// policies of equal priority. Kept: the messages stay in the queue instead. Replayed: only
	// messages that were published directly to the queue are concerned. Cycle: the dead letters come
	// back to the queue itself and reach no other.
	All, Certain, Kept, Replayed, Cycle bool
	Reason                              string
}

// DeadLetterQueue is a queue that dead letters reach and stay in.
type DeadLetterQueue struct {
	Queue topology.Ref
	// From are the queues in which they died, ordered.
	From []string
}

// Live is what only a broker knows.
type Live struct {
	*topology.Live
	// Drift has a sentence for each object that differs between the files and the broker; nil
	// without files.
	Drift map[topology.Ref]string
	// Ties says of declared policies with which policies of the broker alone they tie.
	Ties map[topology.Ref][]string
	// Owned reports whether the record of any topology contains the object, or the files declare
	// it. If nil, ownership is not checked.
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

// Run returns all findings, in the order of Sort.
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

// Worst returns the highest severity of the findings that are not ignored, Off if there is none.
func Worst(list []Finding) Severity {
	worst := Off
	for _, f := range list {
		if f.Ignored == "" && f.Severity.AtLeast(worst) {
			worst = f.Severity
		}
	}
	return worst
}

// name names an object, with its vhost if there are several.
func (r *run) name(ref topology.Ref) string {
	if r.many && ref.VHost != "" {
		return ref.Full()
	}
	return ref.String()
}

// some lists a few names.
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
