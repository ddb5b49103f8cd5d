package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// takeOver notes whose declared objects this topology takes over. A name that no record has is an
// error: what was meant would stay with its owner.
func (d *differ) takeOver() {
	for _, name := range d.o.AdoptFrom {
		owner := d.ownerNamed(name)
		switch record, known := d.have.Ownership[owner]; {
		case owner == d.plan.Owner:
			d.problem(diag.Diagnostic{Severity: diag.Error,
				Message: fmt.Sprintf("nothing can be adopted from %q: it is this topology's own name", name),
				Why:     "what its record names is its own already", Fix: "name the topology that owns the objects now"})
		case !known && d.unkept != "": // reported with the record
		case !known:
			d.problem(diag.Diagnostic{Severity: diag.Error, Message: fmt.Sprintf("no topology %q is recorded on the broker",
				owner),
				Why: "nothing can be adopted from it", Fix: d.otherOwners(owner)})
		case record.Broken != "":
			d.problem(diag.Diagnostic{Severity: diag.Error,
				Message: fmt.Sprintf("nothing can be adopted from topology %q: %s", owner, record.Broken),
				Why:     "its record cannot be changed"})
		default:
			d.from[owner] = true
		}
	}
}

// ownerNamed returns the owner that a name means: itself, or the topology of that name with the same
// home as this one.
func (d *differ) ownerNamed(name string) string {
	if _, exact := d.have.Ownership[name]; exact || d.want.Home == "" || strings.Contains(name, "@") {
		return name
	}
	return name + "@" + d.want.Home
}

// otherOwners advises which names there are.
func (d *differ) otherOwners(wrong string) string {
	names := slices.Sorted(maps.Keys(d.have.Ownership))
	names = slices.DeleteFunc(names, func(name string) bool { return name == d.plan.Owner })
	if len(names) == 0 {
		return "leave it out: there are no records of other topologies"
	}
	if nearest := suggest.Nearest(wrong, names); nearest != "" {
		return "did you mean " + nearest + "?"
	}
	return "recorded are: " + suggest.List(names)
}

// takenFrom returns the topology that a declared object is taken over from, "" when from none.
func (d *differ) takenFrom(ref topology.Ref) string {
	from := ""
	for owner := range d.from {
		if d.have.Ownership[owner].Refs[ref] && (from == "" || owner < from) {
			from = owner
		}
	}
	return from
}

// blockLess says why an object that no record names must not be changed like that, "" when it may:
// who made it may need what the change takes away. A change that surely only adds is allowed.
func blockLess(ref topology.Ref, list []FieldChange) (string, Remedy) {
	var less []string
	for _, c := range list {
		if !onlyAdds(ref.Kind, c) {
			less = append(less, c.Field)
		}
	}
	if len(less) == 0 {
		return "", Remedy{}
	}
	return fmt.Sprintf("somebody else made it (the record of this topology does not name it), and may need what this "+
		"takes away: %s", suggest.List(less)), Remedy{Kind: AllowAdopt}
}

// onlyAdds reports whether a change surely takes nothing away. Whether one regular expression
// matches all that another does is decided only where it is evident.
func onlyAdds(kind topology.Kind, c FieldChange) bool {
	switch kind {
	case topology.KindVHostLimit, topology.KindUserLimit:
		have, _ := c.Have.(int64)
		want, _ := c.Want.(int64)
		return want < 0 || have >= 0 && want > have
	case topology.KindPermission, topology.KindTopicPermission:
		have, _ := c.Have.(string)
		want, _ := c.Want.(string)
		return widens(kind, have, want)
	case topology.KindUser, topology.KindVHost:
		if c.Field == "tags" {
			have, _ := c.Have.([]any)
			want, _ := c.Want.([]any)
			return !slices.ContainsFunc(have, func(tag any) bool { return !slices.Contains(want, tag) })
		}
		return kind == topology.KindVHost && (c.Field != "protectedFromDeletion" || c.Want == true)
	}
	return false
}

// widens reports whether it is evident that an expression permits all that another one does. The
// empty key of a message is the one thing that ^$ permits, and "" means the same.
func widens(kind topology.Kind, have, want string) bool {
	nothing := []string{"", "^$"}
	switch {
	case slices.Contains([]string{".*", "^.*", ".*$", "^.*$", "^"}, want):
		return true
	case slices.Contains(nothing, have):
		return kind == topology.KindPermission || slices.Contains(nothing, want)
	}
	more, longer := strings.CutPrefix(want, have+"|")
	return longer && !strings.Contains(have, `\Q`) && !strings.Contains(more, "(*")
}

// release lists the records that lose what is taken over, and says what stays in them.
func (d *differ) release() {
	for _, owner := range slices.Sorted(maps.Keys(d.from)) {
		record := d.have.Ownership[owner]
		var taken, stays []topology.Ref
		for ref := range record.Refs {
			if d.owned[ref] && d.want.Has(ref) {
				taken = append(taken, ref)
			} else {
				stays = append(stays, ref)
			}
		}
		switch {
		case len(taken) == 0:
			d.problem(diag.Diagnostic{Severity: diag.Warning,
				Message: fmt.Sprintf("nothing is adopted from topology %q: it owns nothing that the files declare", owner)})
			continue
		case len(stays) > 0:
			slices.SortFunc(stays, topology.Ref.CompareByKind)
			d.problem(diag.Diagnostic{Severity: diag.Warning,
				Message: fmt.Sprintf("topology %q keeps %s, which these files do not declare: %s", owner,
					units.FormatCount(int64(len(stays)), "object"), suggest.List(plainNames(stays)))})
		}
		d.plan.Released = append(d.plan.Released, record)
	}
}

func plainNames(refs []topology.Ref) []string {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.String()
	}
	return names
}

// forget lists the records of topologies that have nothing left: all they name was in vhosts that
// are gone, or that this plan deletes. Only a login that sees all vhosts can tell. A plan that
// deletes nothing leaves them: the record of an apply that is running names a vhost a moment before
// that vhost is made.
func (d *differ) forget() {
	if d.plan.Ownership == nil || !d.plan.Destroys && !d.o.Prune ||
		!slices.ContainsFunc(d.have.Server.Tags, seesAllVHosts) {
		return
	}
	for owner, record := range d.have.Ownership {
		if owner == d.plan.Owner || record.Broken != "" || d.from[owner] || len(record.Refs) == 0 {
			continue
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(record.Refs)), d.mayExist) {
			d.plan.Forgotten = append(d.plan.Forgotten, record)
		}
	}
	slices.SortFunc(d.plan.Forgotten, func(a, b topology.Ownership) int { return cmp.Compare(a.Name, b.Name) })
}

func seesAllVHosts(tag string) bool { return tag == administrator || tag == "monitoring" }

// mayExist reports whether there may be a recorded object: its vhost is there, and stays.
func (d *differ) mayExist(ref topology.Ref) bool {
	vhost := topology.Ref{Kind: topology.KindVHost, Name: ref.Within()}
	return vhost.Name == "" || d.have.Has(vhost) && !d.deleted[vhost]
}
