// Package plans renders plans of changes to the topology of a broker and the outcomes of their
// execution: the output of plan, apply and destroy.
package plans

import (
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// FormatVersion is the version of PlanDocument as JSON and YAML.
const FormatVersion = "1"

// PlanDocument is a plan for other programs. It contains no secrets.
type PlanDocument struct {
	FormatVersion string         `json:"format_version"`
	Topology      string         `json:"topology,omitempty"`
	Broker        BrokerDocument `json:"broker"`
	// Destroys reports whether the plan deletes what the files declare.
	Destroys bool             `json:"destroys,omitempty"`
	Summary  Summary          `json:"summary"`
	Changes  []ChangeDocument `json:"changes"`
	Problems diag.Diagnostics `json:"problems,omitempty"`
	// Retries are the delayed retries that the changes affect, as this broker implements them.
	Retries []plan.Retry `json:"retries,omitempty"`
	// Spread, if not nil, says that new quorum queues and streams are declared on several nodes in
	// turn.
	Spread *plan.Spread `json:"spread,omitempty"`
	// LeftAlone are declared objects that cannot be applied without the management API.
	LeftAlone []topology.Ref `json:"left_alone,omitempty"`
	// Undeclared are objects that this topology applied before and no longer declares. An apply
	// with pruning deletes them.
	Undeclared []topology.Ref `json:"undeclared,omitempty"`
	// PruneNeeds are those of Undeclared that need more than --prune.
	PruneNeeds []PruneNeed `json:"prune_needs,omitempty"`
	// pruneNeeds is plan.Plan.PruneNeeds.
	pruneNeeds map[topology.Ref]topology.Kind
	// Foreign are objects that the plan changes or deletes although no record says that this
	// topology created them.
	Foreign []topology.Ref `json:"foreign,omitempty"`
	// Unowned are declared objects that somebody else created. An apply that adopts them adds them
	// to the record of the topology.
	Unowned []topology.Ref `json:"unowned,omitempty"`
}

// BrokerDocument identifies the broker that a plan is for.
type BrokerDocument struct {
	Version string `json:"version,omitempty"`
	Cluster string `json:"cluster,omitempty"`
}

// Summary counts the changes of a plan.
type Summary struct {
	Create    int `json:"create"`
	Update    int `json:"update"`
	Replace   int `json:"replace"`
	Delete    int `json:"delete"`
	Adopt     int `json:"adopt"`
	Unchanged int `json:"unchanged"`
	Blocked   int `json:"blocked"`
	Errors    int `json:"errors"`
	Warnings  int `json:"warnings"`
}

// ChangeDocument is one step of a plan.
type ChangeDocument struct {
	Action plan.Action `json:"action"`
	// Object names the object in words.
	Object string       `json:"object"`
	Ref    topology.Ref `json:"ref"`
	// Fields are, for a creation, the fields that are set; for an update or a replacement, the
	// fields that differ.
	Fields  []plan.FieldChange `json:"fields,omitempty"`
	Why     string             `json:"why,omitempty"`
	AtStake *plan.Risk         `json:"at_stake,omitempty"`
	Blocked string             `json:"blocked,omitempty"`
}

// NewPlanDocument returns the document of a plan.
func NewPlanDocument(p *plan.Plan) PlanDocument {
	doc := PlanDocument{
		FormatVersion: FormatVersion, Topology: p.Name,
		Broker:   BrokerDocument{Version: p.Server.Version, Cluster: p.Server.ClusterName},
		Changes:  make([]ChangeDocument, 0, len(p.Steps)),
		Problems: withFlags(p.Problems), LeftAlone: p.LeftAlone, Undeclared: p.Undeclared, pruneNeeds: p.PruneNeeds,
		Unowned: p.Unowned,
		Foreign: p.Foreign, Destroys: p.Destroys, Spread: p.Spread,
	}
	doc.Summary.Unchanged = p.Unchanged
	doc.Summary.Errors = p.Problems.Errors()
	doc.Summary.Warnings = len(p.Problems) - doc.Summary.Errors
	doc.PruneNeeds = doc.needsToPrune()
	doc.Retries = retriesOf(p)
	for _, step := range p.Steps {
		doc.Changes = append(doc.Changes, newChangeDocument(step))
		doc.Summary.count(step)
	}
	return doc
}

// retriesOf returns the retries whose queues the plan creates or changes.
func retriesOf(p *plan.Plan) (list []plan.Retry) {
	touched := make(map[topology.Ref]bool, len(p.Steps))
	for _, s := range p.Steps {
		touched[s.Ref] = s.Action != plan.Delete
	}
	for _, r := range p.Retries {
		if touched[r.Queue] || slices.ContainsFunc(r.WaitQueues, func(w topology.Ref) bool { return touched[w] }) {
			list = append(list, r)
		}
	}
	return list
}

func (s *Summary) count(step plan.Step) {
	switch step.Action {
	case plan.Create:
		s.Create++
	case plan.Update:
		s.Update++
	case plan.Replace:
		s.Replace++
	case plan.Delete:
		s.Delete++
	case plan.Adopt:
		s.Adopt++
	}
	if step.Blocked != "" {
		s.Blocked++
	}
}

func newChangeDocument(step plan.Step) ChangeDocument {
	c := ChangeDocument{
		Action: step.Action, Object: step.Ref.Full(), Ref: step.Ref, Fields: step.Changes,
		Why: step.Why, AtStake: step.Risk, Blocked: blocked(step),
	}
	if step.Action == plan.Create && step.Want != nil {
		c.Fields = createdFields(step.Want)
	}
	return c
}

// createdFields returns the fields of a new object that differ from their defaults. An empty text
// says something in most fields: the default exchange, no permission, every name.
func createdFields(o topology.Object) []plan.FieldChange {
	var list []plan.FieldChange
	for _, f := range o.Fields() {
		if isDefault(f) {
			continue
		}
		list = append(list, plan.FieldChange{Field: f.Name, Want: f.Value, Unit: f.Unit})
	}
	return list
}

func isDefault(f topology.Field) bool {
	switch v := f.Value.(type) {
	case nil:
		return true
	case bool:
		return v == (f.Name == "durable")
	case string:
		return v == "" && slices.Contains([]string{"description", "defaultQueueType", "applyTo"}, f.Name)
	case topology.Secret:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
