package plan

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// administrator is the tag of users who may do everything over the management API.
const administrator = "administrator"

// protectVHost says why a vhost must not be deleted, "" when it may: it goes only if this topology
// made it and everything in it is this topology's. That the broker protects it comes last, so that
// nobody is told to lift the protection of a vhost that is not theirs.
func (d *differ) protectVHost(ref topology.Ref) string {
	if !d.recorded[ref] {
		return fmt.Sprintf("this topology did not create it (no record says so). To delete only what the files declare in "+
			"it, "+
			"take it out of their vhosts; to delete all of it: rabbitmqctl delete_vhost %q", ref.Name)
	}
	for _, kind := range topology.Kinds() {
		if reason := d.have.Unreadable[kind]; reason != "" && kind.InVHost() {
			return fmt.Sprintf("others may have a %s in it, which cannot be read: %s", kind, reason)
		}
	}
	if foreign := d.foreignIn(ref.Name); len(foreign) > 0 {
		return fmt.Sprintf("it holds what is not this topology's: %s. Delete that first, or keep the vhost: to delete "+
			"only what the files declare in it, take it out of their vhosts", suggest.List(foreign))
	}
	if d.protectedFromDeletion(ref) {
		return fmt.Sprintf("it is protected from deletion. To lift that, apply its files with protectedFromDeletion: false, "+
			"or run rabbitmqctl disable_vhost_deletion_protection %q", ref.Name)
	}
	return ""
}

// protectedFromDeletion reports whether the broker refuses to delete a vhost.
func (d *differ) protectedFromDeletion(ref topology.Ref) bool {
	o, _ := d.have.Get(ref)
	v, ok := o.(*topology.VHost)
	return ok && v.ProtectedFromDeletion
}

// foreignIn names what is in a vhost and not recorded by this topology, declared or not. The rights
// that the broker gave the login when it created the vhost are its own.
func (d *differ) foreignIn(vhost string) []string {
	var foreign []topology.Ref
	for ref := range d.have.All() {
		switch {
		case ref.VHost != vhost, isProtected(ref), ref.Kind == topology.KindPermission && ref.Name == d.have.Server.User:
		case d.recorded[ref] && d.owner(ref) == "":
		default:
			foreign = append(foreign, ref)
		}
	}
	return d.ownedNames(foreign)
}

// ownedNames names objects in order, with the topologies that own them.
func (d *differ) ownedNames(refs []topology.Ref) []string {
	slices.SortFunc(refs, topology.Ref.CompareByKind)
	names := make([]string, 0, len(refs))
	for _, ref := range refs {
		name := ref.String()
		if owner := d.owner(ref); owner != "" {
			name += fmt.Sprintf(" of topology %q", owner)
		}
		names = append(names, name)
	}
	return names
}

// protectBindings says why an exchange or queue must stay: bindings of others would go with it.
// They are others' where another topology's record has them, or where none has, they lead from or to
// what stays, and this topology has a record. It is "" when there are none. A queue that is exclusive
// to its connection, as those of tail are, is no reason.
func (d *differ) protectBindings(ref topology.Ref) (string, Remedy) {
	var others, unrecorded []topology.Ref
	for _, b := range d.bindingsOf(ref) {
		end := b.DestinationRef()
		if end == ref {
			end = b.SourceRef()
		}
		exclusive := end.Kind == topology.KindQueue && d.have.IsExclusive(end.VHost, end.Name)
		switch taken := b.DeletedWith(d.deleted) || !d.deleted[b] && !d.want.Has(b); {
		case !taken:
		case d.owner(b) != "" && !d.deleted[b]:
			others = append(others, b)
		case d.isOthers(b) && !d.deleted[end] && !exclusive:
			unrecorded = append(unrecorded, b)
		}
	}
	switch {
	case len(others) > 0:
		return fmt.Sprintf("%s of others would go with it: %s. Remove that first",
			units.FormatCount(int64(len(others)), "binding"), suggest.List(d.ownedNames(others))), Remedy{}
	case len(unrecorded) > 0:
		return fmt.Sprintf("%s of somebody else would go with it: %s. Remove that first",
				units.FormatCount(int64(len(unrecorded)), "binding"), suggest.List(d.ownedNames(unrecorded))),
			Remedy{Kind: AllowAdoptBindings}
	}
	return "", Remedy{}
}

// keepUser says why a user stays although the file that declared it goes, "" when nothing speaks
// for it.
func (d *differ) keepUser(ref topology.Ref) string {
	if owner := d.owner(ref); owner != "" {
		return fmt.Sprintf("it belongs to topology %q", owner)
	}
	if !d.recorded[ref] {
		return "this topology did not create it"
	}
	for _, kind := range []topology.Kind{topology.KindPermission, topology.KindTopicPermission} {
		if reason := d.have.Unreadable[kind]; reason != "" {
			return fmt.Sprintf("where else it has a %s is not known: %s", kind, reason)
		}
	}
	mine := map[string]bool{}
	for _, vhost := range d.want.VHosts() {
		mine[vhost] = true
	}
	var elsewhere []string
	for _, vhost := range d.have.Access[ref.Name] {
		if !mine[vhost] && !d.ownsVHost(vhost) {
			elsewhere = append(elsewhere, fmt.Sprintf("%q", vhost))
		}
	}
	if len(elsewhere) > 0 {
		return "it has permissions in " + vhosts(len(elsewhere)) + " " + suggest.List(elsewhere)
	}
	return d.givenByOthers(ref.Name)
}

// givenByOthers names a permission of a user that this topology did not give it, "" when there is
// none in the vhosts that were read.
func (d *differ) givenByOthers(user string) string {
	for r := range d.have.All() {
		if r.Kind != topology.KindPermission && r.Kind != topology.KindTopicPermission || r.Name != user {
			continue
		}
		if owner := d.owner(r); owner != "" {
			return fmt.Sprintf("topology %q gives it permissions in vhost %q", owner, r.VHost)
		}
		if !d.recorded[r] && !d.want.Has(r) {
			return fmt.Sprintf("it has a %s in vhost %q that this topology did not give it", r.Kind, r.VHost)
		}
	}
	return ""
}

// ownsVHost reports whether the record has anything in a vhost.
func (d *differ) ownsVHost(vhost string) bool {
	for ref := range d.recorded {
		if ref.VHost == vhost || ref.Kind == topology.KindVHost && ref.Name == vhost {
			return true
		}
	}
	return false
}

// keep takes what must stay out of a list of what goes: objects that another topology's record
// names, too, and users that others need. The permissions of the login in use stay as well, since
// the rest could not be done without them. It says why each stays.
func (d *differ) keep(refs []topology.Ref) []topology.Ref {
	return slices.DeleteFunc(refs, func(ref topology.Ref) bool {
		if owner := d.owner(ref); owner != "" && d.recorded[ref] {
			d.warn(ref, fmt.Sprintf("kept and given up: topology %q owns it, too", owner), "")
			return true
		}
		if ref.Kind == topology.KindPermission && ref.Name == d.have.Server.User {
			d.warn(ref, "kept: it is of the login in use", "")
			if d.recorded[ref] {
				d.owned[ref] = true
			}
			return true
		}
		if ref.Kind != topology.KindUser {
			return false
		}
		why := d.keepUser(ref)
		if why == "" {
			return false
		}
		d.warn(ref, "kept: "+why, "")
		if d.recorded[ref] {
			d.owned[ref] = true
		}
		return true
	})
}

// protectAdministrators blocks the deletion of the login in use, and what would take away the last
// administrator. (That the login loses its own tags is an error of Check.)
func (d *differ) protectAdministrators() {
	left, losing := 0, map[topology.Ref]bool{}
	for i := range d.plan.Steps {
		if s := &d.plan.Steps[i]; s.Ref.Kind == topology.KindUser && isAdministrator(s.Have) && !isAdministrator(s.Want) {
			losing[s.Ref] = true
		}
	}
	for ref, o := range d.have.All() {
		if ref.Kind == topology.KindUser && isAdministrator(o) && !losing[ref] {
			left++
		}
	}
	for i := range d.plan.Steps {
		s := &d.plan.Steps[i]
		switch {
		case s.Ref.Kind == topology.KindPermission && s.Ref.Name == d.have.Server.User && s.Action == Update:
			s.Blocked = "it is of the login in use, and the rest could be refused half-way: apply as another user"
		case s.Ref.Kind == topology.KindUserLimit && s.Ref.Parent == d.have.Server.User && allowsNone(s.Want):
			s.Blocked = "the login in use could open none any more, and the rest be refused half-way: apply as another user"
		case s.Ref.Kind != topology.KindUser || s.Blocked != "":
		case s.Ref.Name == d.have.Server.User && s.Action == Delete:
			s.Blocked = "it is the login in use: log in as another user"
		case losing[s.Ref] && left == 0:
			s.Blocked = "it is the last administrator: nobody could manage the broker any more"
		}
	}
}

func allowsNone(limit topology.Object) bool {
	l, ok := limit.(*topology.UserLimit)
	return ok && l.Value == 0
}

func isAdministrator(o topology.Object) bool {
	u, ok := o.(*topology.User)
	return ok && slices.Contains(u.Tags, administrator)
}

func vhosts(n int) string {
	if n == 1 {
		return "vhost"
	}
	return "vhosts"
}

// protectMigrations names the unfinished migrations, and blocks what would get in their way.
func (d *differ) protectMigrations() {
	for k := range d.have.Migrations {
		m := &d.have.Migrations[k]
		d.problem(diag.Diagnostic{Severity: diag.Warning, Message: m.String(),
			Why: "apply leaves the queue, its bindings and its messages alone until then", Fix: m.Next()})
		for i := range d.plan.Steps {
			if s := &d.plan.Steps[i]; s.Action != Adopt && d.disturbs(s, m) {
				s.Blocked, s.Remedy = "migration "+m.ID+" has to end first: "+m.Next(), Remedy{}
			}
		}
	}
}

// disturbs reports whether a step would get in the way of a migration. It concerns the queue, its
// bindings, an exchange that they lead from, or a policy that drops messages that wait meanwhile.
func (d *differ) disturbs(s *Step, m *topology.Migration) bool {
	gone := s.Action == Delete || s.Action == Replace
	switch s.Ref.Kind {
	case topology.KindQueue:
		return m.Replaces(s.Ref)
	case topology.KindBinding:
		return m.Replaces(s.Ref.DestinationRef())
	case topology.KindExchange:
		return gone && slices.ContainsFunc(d.bindingsOf(s.Ref), func(b topology.Ref) bool {
			return m.Replaces(b.DestinationRef())
		})
	case topology.KindVHost:
		return gone && s.Ref.Name == m.VHost
	case topology.KindPolicy, topology.KindOperatorPolicy:
		return s.Ref.VHost == m.VHost && s.Want != nil && dropsFrom(s.Want, m)
	}
	return false
}

// dropsFrom reports whether a policy may drop messages from the queues of a migration.
func dropsFrom(o topology.Object, m *topology.Migration) bool {
	p, ok := o.(*topology.Policy)
	if !ok || !slices.ContainsFunc(topology.DroppingKeys(), func(key string) bool { return p.Definition[key] != nil }) {
		return false
	}
	policies := route.NewPolicies([]*topology.Policy{p}, "")
	return slices.ContainsFunc([]string{"backlog", "arrivals"}, func(part string) bool {
		matches, known := policies.Matches(p, topology.MigrationPrefix+m.ID+"."+part)
		return matches || !known
	})
}
