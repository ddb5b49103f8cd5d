package spec

import (
	"cmp"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// definitions adds the objects of a definitions file.
func (r *resolver) definitions(s *Spec, d *definitions) {
	r.lost = r.lost || d.lost
	for kind, section := range map[topology.Kind]string{topology.KindExchange: "exchanges", topology.KindQueue: "queues"} {
		r.sectioned[kind] = r.sectioned[kind] || d.has(section)
	}
	for _, v := range d.VHosts {
		r.defVHost(v)
	}
	for _, u := range d.Users {
		r.defUser(d, u)
	}
	for _, p := range d.Permissions {
		r.add(&topology.Permission{VHost: s.orMain(p.VHost), User: p.User, Configure: p.Configure, Write: p.Write,
			Read: p.Read}, defPlace(&p.Located, nil))
	}
	for _, p := range d.TopicPermissions {
		r.add(&topology.TopicPermission{VHost: s.orMain(p.VHost), User: p.User, Exchange: p.Exchange, Write: p.Write,
			Read: p.Read}, defPlace(&p.Located, nil))
	}
	for _, p := range d.GlobalParameters {
		r.defGlobalParameter(p)
	}
	for _, p := range d.Parameters {
		r.defParameter(s.orMain(p.VHost), p)
	}
	for _, p := range d.Policies {
		r.defPolicy(s.orMain(p.VHost), p.Name, p, false)
	}
	for _, x := range d.Exchanges {
		r.defExchange(s.orMain(x.VHost), x)
	}
	for _, q := range d.Queues {
		r.defQueue(s.orMain(q.VHost), q)
	}
	for _, b := range d.Bindings {
		r.defBinding(s.orMain(b.VHost), b)
	}
}

func defPlace(l *Located, tables ...defTable) *place {
	p := &place{at: l.at, parts: map[string]diag.Position{}, definitions: true}
	for name, at := range l.fields {
		p.parts[name] = at
	}
	for _, t := range tables {
		for name, v := range t {
			p.parts[name] = v.at
		}
	}
	return p
}

func (t defTable) table() topology.Arguments {
	values := make(map[string]any, len(t))
	for name, v := range t {
		values[name] = v.Value
	}
	return amqptable.NormaliseTable(values)
}

// defVHost takes what 3.x to 4.3 write at the top of a vhost or in its metadata. "undefined" is
// what 3.10 to 3.12 write for no default queue type.
func (r *resolver) defVHost(v *defVHost) {
	o := &topology.VHost{Name: v.Name}
	if text := cmp.Or(v.Description, v.Metadata.Description); text != nil {
		o.Description, o.Declared.Description = *text, true
	}
	if tags := cmp.Or(v.Tags, v.Metadata.Tags); tags != nil {
		o.Tags, o.Declared.Tags = *tags, true
	}
	if t := cmp.Or(v.DefaultQueueType, v.Metadata.DefaultQueueType); t != nil && *t != "undefined" && *t != "" {
		o.DefaultQueueType, o.Declared.DefaultQueueType = *t, true
	}
	r.add(o, defPlace(&v.Located, nil))
	r.defVHostLimits(v.Name, v.Limits, &v.Located)
}

func (r *resolver) defVHostLimits(vhost string, limits defTable, l *Located) {
	for name, v := range ordered(limits) {
		value, ok := v.Value.(int64)
		if !ok {
			r.report(diag.Error, v.at, "", "the limit "+name+" must be an integer", "", "")
			continue
		}
		r.add(&topology.VHostLimit{VHost: vhost, Name: name, Value: value}, &place{at: cmp.Or(v.at, l.at), definitions: true})
	}
}

func (r *resolver) defUser(d *definitions, u *defUser) {
	o := &topology.User{Name: u.Name, Tags: u.Tags, Password: u.Password, PasswordHash: u.PasswordHash,
		HashingAlgorithm: u.HashingAlgorithm}
	if o.PasswordHash == "" {
		o.HashingAlgorithm = ""
	} else if o.HashingAlgorithm == "" {
		o.HashingAlgorithm = defaultAlgorithm(cmp.Or(d.RabbitVersion, d.RabbitMQVersion))
	}
	p := defPlace(&u.Located, nil)
	if u.Password != "" {
		r.problems = append(r.problems, diag.Diagnostic{Severity: diag.Warning, Position: p.of("password"),
			Object: r.name(o.Ref()), Rule: "credentials-in-file", Part: "password",
			Message: "the file has the password in plain text", Why: "everybody who can read the file can log in",
			Fix: "replace it by password_hash (rabbitmqctl hash_password)"})
	}
	if u.Password != "" && u.PasswordHash != "" {
		o.Password = "" // the broker's import takes the hash
	}
	r.add(o, p)
	for name, v := range ordered(u.Limits) {
		if value, ok := v.Value.(int64); ok {
			r.add(&topology.UserLimit{User: u.Name, Name: name, Value: value}, &place{at: v.at, definitions: true})
			continue
		}
		r.report(diag.Error, v.at, r.name(o.Ref()), "the limit "+name+" must be an integer", "", "")
	}
}

// defaultAlgorithm is that of a hash without a name: before 3.6.0 brokers used MD5 and did not say
// so.
func defaultAlgorithm(version string) string {
	if version != "" && !capability.VersionAtLeast(version, "3.6.0") {
		return topology.HashingPrefix + "md5"
	}
	return topology.HashingPrefix + "sha256"
}

// defGlobalParameter leaves out what identifies the cluster that the file was exported from.
func (r *resolver) defGlobalParameter(p *defGlobalParameter) {
	switch p.Name {
	case "cluster_name", "internal_cluster_id", "cluster_tags":
		r.leftOut(p.at, "", "the global parameter "+p.Name+" is left alone",
			"it identifies the cluster that the file was exported from, and would rename yours")
		return
	}
	r.add(&topology.GlobalParameter{Name: p.Name, Value: p.Value.Value}, defPlace(&p.Located, nil))
}

// defParameter finds the objects that are stored as parameters: limits of a vhost, policies and
// operator policies.
func (r *resolver) defParameter(vhost string, p *defParameter) {
	switch p.Component {
	case "vhost-limits":
		var limits defTable
		if r.decode(p, &limits) {
			r.defVHostLimits(vhost, limits, &p.Located)
		}
	case "operator_policy", "policy":
		var policy defPolicy
		if r.decode(p, &policy) {
			r.defPolicy(vhost, p.Name, &policy, p.Component == "operator_policy")
		}
	default:
		r.add(&topology.Parameter{VHost: vhost, Component: p.Component, Name: p.Name, Value: p.Value.Value},
			defPlace(&p.Located, nil))
	}
}

// decode reads the value of a parameter as what it is.
func (r *resolver) decode(p *defParameter, into any) bool {
	if p.node == nil {
		return false // reported as missing already
	}
	d := &decoder{lenient: true, object: p.Component + " " + p.Name}
	d.value(p.node, valueOf(into), field{name: "value"})
	r.problems = append(r.problems, d.problems...)
	return !d.problems.HasErrors()
}

func (r *resolver) defPolicy(vhost, name string, p *defPolicy, operator bool) {
	o := &topology.Policy{Operator: operator, VHost: vhost, Name: name, Pattern: p.Pattern,
		ApplyTo: cmp.Or(p.ApplyTo, topology.ApplyToAll), Priority: p.Priority,
		Definition: p.Definition.table()}
	r.add(o, defPlace(&p.Located, p.Definition))
}

// defExchange leaves out what every vhost has: 4.3 exports amq.rabbitmq.log.
func (r *resolver) defExchange(vhost string, x *defExchange) {
	if capability.IsPredeclared(x.Name) || capability.IsBrokerDeclared(x.Name) {
		return
	}
	r.add(&topology.Exchange{VHost: vhost, Name: x.Name, Type: x.Type, Durable: x.Durable == nil || *x.Durable,
		AutoDelete: x.AutoDelete, Internal: x.Internal,
		Arguments: x.Arguments.table()}, defPlace(&x.Located, x.Arguments))
}

func (r *resolver) defQueue(vhost string, q *defQueue) {
	o := &topology.Queue{VHost: vhost, Name: q.Name, Type: topology.Classic, Durable: q.Durable == nil || *q.Durable,
		AutoDelete: q.AutoDelete, Arguments: q.Arguments.table()}
	p := defPlace(&q.Located, q.Arguments)
	given := q.Type
	if v, ok := o.Arguments["x-queue-type"]; ok {
		text, isText := v.(string)
		if !isText {
			r.report(diag.Error, p.of("x-queue-type"), r.name(o.Ref()), "x-queue-type must be a string", "",
				"write classic, quorum or stream")
		}
		given = text
		delete(o.Arguments, "x-queue-type")
		if len(o.Arguments) == 0 {
			o.Arguments = nil
		}
		p.parts["type"] = p.of("x-queue-type")
	}
	if given != "" {
		o.Type, o.TypeDeclared = strings.TrimSuffix(strings.TrimPrefix(given, "rabbit_"), "_queue"), true
	}
	if q.Exclusive {
		r.leftOut(p.of("exclusive"), r.name(o.Ref()), "is exclusive and left out",
			"an exclusive queue lives and dies with the connection that declares it")
		return
	}
	r.add(o, p)
}

func (r *resolver) defBinding(vhost string, b *defBinding) {
	to := topology.ToQueue
	if b.DestinationType == string(topology.ToExchange) {
		to = topology.ToExchange
	}
	o := &topology.Binding{VHost: vhost, Source: b.Source, Destination: b.Destination, DestinationType: to,
		RoutingKey: b.RoutingKey, Arguments: b.Arguments.table()}
	p := defPlace(&b.Located, nil)
	for name, v := range b.Arguments {
		p.parts[argumentPart+name] = v.at
	}
	if b.Source == "" && to == topology.ToQueue && b.RoutingKey == b.Destination {
		r.leftOut(p.at, r.name(o.Ref()), "is left out: every queue is bound to the default exchange by its name", "")
		return
	}
	r.add(o, p)
}

// leftOut reports what the file has and msgctl leaves alone.
func (r *resolver) leftOut(at diag.Position, object, message, why string) {
	r.problems = append(r.problems, diag.Diagnostic{Severity: diag.Warning, Position: at, Object: object, Message: message,
		Why: why, Rule: "left-out", Part: at.String()})
}

// splitTags reads the tags of a user as brokers before 3.9 wrote them: administrator,monitoring.
func splitTags(s string) []string {
	var tags []string
	for tag := range strings.SplitSeq(s, ",") {
		if tag = strings.TrimSpace(tag); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}
