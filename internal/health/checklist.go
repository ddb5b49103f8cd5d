package health

import (
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// Result is one item of the production checklist, looked at.
type Result struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Verdict Verdict `json:"verdict"`
	// Evidence are sentences about what was seen.
	Evidence []string `json:"evidence"`
	// Why says what happens otherwise, Fix what to do; "" when nothing is to be done.
	Why string `json:"why,omitempty"`
	Fix string `json:"fix,omitempty"`
}

// Inspection is all that is known of a broker.
type Inspection struct {
	*Facts
	Letters
	// Findings are what lint finds on the live topology.
	Findings []lint.Finding
	// Queues that dead-letter, and those that have a limit to how often a message comes back, by
	// vhost and name.
	DeadLettering, Bounded map[[2]string]bool
	// Work are the queues that messages are consumed from, as far as can be told: not dead-letter
	// queues, wait queues, streams, or what an application declares for itself.
	Work [][2]string
	// Declared says what the topology files declare; nil when none was given.
	Declared *Declared
}

// Declared compares the files with the broker.
type Declared struct {
	Files []string
	// Pending are the steps of a plan: how many objects are not as the files say.
	Pending int
	// Problem says why that cannot be told.
	Problem string
}

// Item is one line of the checklist.
type Item struct {
	// ID never changes: people write it behind --skip.
	ID    string
	Title string
	// Why says what happens where it is not so, Fix what to do about it.
	Why, Fix string
	check    func(*Inspection) (Verdict, []string)
}

// Items are the production checklist, in the order in which it is read.
func Items() []Item {
	return slices.Concat(accessItems(), clientItems(), messageItems(), clusterItems())
}

// Checklist looks at every item that is asked for.
func Checklist(in *Inspection, asked func(id string) bool) []Result {
	var list []Result
	for _, item := range Items() {
		if !asked(item.ID) {
			continue
		}
		verdict, evidence := item.check(in)
		r := Result{ID: item.ID, Title: item.Title, Verdict: verdict, Evidence: evidence}
		if verdict.AtLeast(Warning) {
			r.Why, r.Fix = item.Why, item.Fix
		}
		list = append(list, r)
	}
	return list
}

// WorstOf returns the worst verdict of results.
func WorstOf(list []Result) Verdict {
	v := OK
	for _, r := range list {
		v = worse(v, r.Verdict)
	}
	return v
}

// unread is the result of an item of which a part is closed.
func unread(in *Inspection, p Part) (Verdict, []string) {
	return Unknown, []string{"the " + string(p) + " cannot be read: " + in.Unread[p]}
}

// found makes an item of what some rules of lint find; clear is what to say otherwise.
func found(in *Inspection, clear string, rules ...string) (Verdict, []string) {
	verdict := OK
	var evidence []string
	for _, f := range in.Findings {
		if !slices.Contains(rules, f.Rule) || !f.Severity.AtLeast(lint.Warning) || f.Ignored != "" {
			continue
		}
		v := Warning
		if f.Severity == lint.Error {
			v = Error
		}
		verdict = worse(verdict, v)
		evidence = append(evidence, strings.TrimPrefix(f.Object+": "+f.Message, ": "))
	}
	if verdict == OK {
		return OK, []string{clear}
	}
	return verdict, evidence
}
