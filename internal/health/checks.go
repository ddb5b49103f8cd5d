package health

import (
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// Result is the outcome of a check.
type Result struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Status Status `json:"verdict"`
	// Evidence is what was found, in sentences.
	Evidence []string `json:"evidence"`
	// Why says what can go wrong, Fix what to do; both are "" where nothing needs to be done.
	Why string `json:"why,omitempty"`
	Fix string `json:"fix,omitempty"`
}

// Inspection is all that is known about a broker.
type Inspection struct {
	*Facts
	DeadLetters
	// Findings are what lint finds on the live topology.
	Findings []lint.Finding
	// DeadLettering queues have a dead-letter exchange, Bounded ones a limit on redeliveries; by
	// vhost and name.
	DeadLettering, Bounded map[[2]string]bool
	// Work are the queues that applications consume from, as far as can be told: no dead-letter
	// queues, wait queues or streams, and none that an application declares for itself.
	Work [][2]string
	// Declared compares the topology files with the broker; nil without files.
	Declared *Declared
}

// Declared is the difference between topology files and the broker.
type Declared struct {
	Files []string
	// Pending is how many objects differ from the files.
	Pending int
	// Problem is why that is not known.
	Problem string
}

// Check is one item of the production checklist.
type Check struct {
	// ID never changes, because users select checks by it.
	ID    string
	Title string
	// Why says what can go wrong where the check fails, Fix what to do about it.
	Why, Fix string
	run      func(*Inspection) (Status, []string)
}

// Checks are the production checklist, in the order in which it is shown.
func Checks() []Check {
	return slices.Concat(accessChecks(), clientChecks(), messageChecks(), clusterChecks())
}

// RunChecks runs the selected checks.
func RunChecks(in *Inspection, selected func(id string) bool) []Result {
	var list []Result
	for _, c := range Checks() {
		if !selected(c.ID) {
			continue
		}
		status, evidence := c.run(in)
		r := Result{ID: c.ID, Title: c.Title, Status: status, Evidence: evidence}
		if status.AtLeast(Warning) {
			r.Why, r.Fix = c.Why, c.Fix
		}
		list = append(list, r)
	}
	return list
}

// WorstOf returns the worst status of the results.
func WorstOf(list []Result) Status {
	v := OK
	for _, r := range list {
		v = worse(v, r.Status)
	}
	return v
}

// unread is the result of a check that needs an unread part.
func unread(in *Inspection, p Part) (Status, []string) {
	return Unknown, []string{"the " + string(p) + " cannot be read: " + in.Unread[p]}
}

// found turns findings of some rules of lint into the result of a check; clear is the evidence
// without any.
func found(in *Inspection, clear string, rules ...string) (Status, []string) {
	status := OK
	var evidence []string
	for _, f := range in.Findings {
		if !slices.Contains(rules, f.Rule) || !f.Severity.AtLeast(lint.Warning) || f.Ignored != "" {
			continue
		}
		v := Warning
		if f.Severity == lint.Error {
			v = Error
		}
		status = worse(status, v)
		evidence = append(evidence, strings.TrimPrefix(f.Object+": "+f.Message, ": "))
	}
	if status == OK {
		return OK, []string{clear}
	}
	return status, evidence
}
