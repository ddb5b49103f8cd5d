package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// foresee reports what the broker would refuse half-way: what the tags of the login forbid, and
// queues beyond the limit of their vhost.
func (d *differ) foresee() {
	lacking := map[topology.Kind][]topology.Ref{}
	var created []topology.Ref
	for _, s := range d.plan.Steps {
		if s.Action == Create && s.Ref.Kind == topology.KindQueue {
			created = append(created, s.Ref)
		}
		if tag := neededTag(s.Ref.Kind); s.Action != Adopt && tag != "" && !hasTag(d.have.Server, tag) {
			lacking[s.Ref.Kind] = append(lacking[s.Ref.Kind], s.Ref)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(lacking)) {
		refs := lacking[kind]
		slices.SortFunc(refs, topology.Ref.CompareByKind)
		d.problem(diag.Diagnostic{
			Severity: diag.Error, Position: d.want.Position(refs[0]),
			Message: fmt.Sprintf("%s cannot be changed: user %q lacks the tag %s", countKind(len(refs), kind),
				d.have.Server.User, neededTag(kind)),
			Why: "the broker would refuse it half-way",
			Fix: "log in as a user with the tag " + neededTag(kind) + ", or take them out of the file",
		})
	}
	d.checks.queueLimits(created)
}

// neededTag returns the tag that it takes to write objects of a kind, "" for none.
func neededTag(kind topology.Kind) string {
	switch kind {
	case topology.KindExchange, topology.KindQueue, topology.KindBinding:
		return ""
	case topology.KindPolicy, topology.KindParameter, topology.KindGlobalParameter:
		return "policymaker"
	}
	return "administrator"
}

// hasTag reports whether the login has a tag, or one that includes it, as far as its tags are known.
func hasTag(s topology.Server, tag string) bool {
	return s.AMQPOnly || s.Tags == nil || slices.Contains(s.Tags, tag) || slices.Contains(s.Tags, "administrator")
}

// queueLimits reports vhosts whose limit of queues is less than they will have once some queues are
// created. (Deletions come last.) Exclusive queues of connections come and go, and are not counted.
func (c *checker) queueLimits(created []topology.Ref) {
	first, count := map[string]topology.Ref{}, map[string]int64{}
	for _, ref := range created {
		count[ref.VHost]++
		if known, ok := first[ref.VHost]; !ok || ref.Compare(known) < 0 {
			first[ref.VHost] = ref
		}
	}
	for ref := range c.have.All() {
		if ref.Kind == topology.KindQueue && !c.have.IsExclusive(ref.VHost, ref.Name) {
			count[ref.VHost]++
		}
	}
	for vhost, ref := range first {
		limit := (&topology.VHostLimit{VHost: vhost, Name: "max-queues"}).Ref()
		o, declared := c.want.Get(limit)
		if declared {
			ref = limit
		} else {
			o, _ = c.have.Get(limit)
		}
		if l, ok := o.(*topology.VHostLimit); ok && l.Value >= 0 && count[vhost] > l.Value {
			c.error(ref, fmt.Sprintf("vhost %q may have %d queues, and would have %d", vhost, l.Value, count[vhost]),
				"the broker refuses those beyond the limit", "raise max-queues, or declare fewer queues")
		}
	}
}

// hash reports the hash of a password that no password has.
func (c *checker) hash(ref topology.Ref, u *topology.User) {
	if fault := topology.HashFault(u.PasswordHash, u.HashingAlgorithm); fault != "" {
		c.add(diag.Warning, ref, "its password hash is "+fault, "nobody can log in with it",
			"copy the hash from GET /api/users or an export, with its algorithm, or give a password")
	}
}
