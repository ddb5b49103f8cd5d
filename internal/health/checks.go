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
	// NotPermitted is set where the result is unknown because the user may not read what it takes.
	NotPermitted bool `json:"not_permitted,omitempty"`
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
	// needs is the part of the facts without which nothing can be said, uses one without which
	// something can; both may be "".
	needs, uses Part

	run func(*Inspection) (Status, []string)
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
		list = append(list, c.result(in))
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

// result runs a check, unless the user may not read what it takes.
func (c *Check) result(in *Inspection) Result {
	r := Result{ID: c.ID, Title: c.Title}
	switch {
	case in.Denied(c.needs):
		r.Status, r.NotPermitted = Unknown, true
		r.Evidence = []string{"the " + string(c.needs) + " cannot be read: " + in.Unread[c.needs]}
		return r
	case !in.Has(c.needs):
		r.Status = Unknown
		r.Evidence = []string{"RabbitMQ " + in.Version + " does not report them; 4.0 and newer do"}
		return r
	}
	r.Status, r.Evidence = c.run(in)
	r.NotPermitted = r.Status == Unknown && in.Denied(c.uses)
	if r.Status.AtLeast(Warning) {
		r.Why, r.Fix = c.Why, c.Fix
	}
	return r
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
