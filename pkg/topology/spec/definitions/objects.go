package definitions

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
)

// Object is an object that a definitions file declares, with where it is written.
type Object struct {
	topology.Object
	At diag.Position
	// Parts has the positions of arguments, by their names in the protocol, and of other fields, by
	// their names in the file. Arguments of bindings are under ArgumentPart and their name.
	Parts map[string]diag.Position
}

// ArgumentPart keeps the names of a binding's arguments apart from those of its fields in
// Object.Parts.
const ArgumentPart = "arguments."

// Options say how objects are named.
type Options struct {
	// VHost returns the vhost that a name in the file means. "" is one that names none.
	VHost func(name string) string
	// Name names an object in messages; it is required.
	Name func(topology.Ref) string
}

// reader collects the objects of a file, and what is wrong with them.
type reader struct {
	options  Options
	objects  []Object
	problems diag.Diagnostics
}

// Objects returns the objects that the file declares. What msgctl leaves out, such as exclusive
// queues, is a problem that is a warning.
func (f *File) Objects(o Options) ([]Object, diag.Diagnostics) {
	r := &reader{options: o, objects: make([]Object, 0, len(f.Exchanges)+len(f.Queues)+len(f.Bindings))}
	for _, v := range f.VHosts {
		r.vhost(v)
	}
	for _, u := range f.Users {
		r.user(f, u)
	}
	for _, p := range f.Permissions {
		r.add(&topology.Permission{VHost: o.VHost(p.VHost), User: p.User, Configure: p.Configure, Write: p.Write,
			Read: p.Read}, p.Position(), parts(&p.Located))
	}
	for _, p := range f.TopicPermissions {
		r.add(&topology.TopicPermission{VHost: o.VHost(p.VHost), User: p.User, Exchange: p.Exchange, Write: p.Write,
			Read: p.Read}, p.Position(), parts(&p.Located))
	}
	for _, p := range f.GlobalParameters {
		r.globalParameter(p)
	}
	for _, p := range f.Parameters {
		r.parameter(o.VHost(p.VHost), p)
	}
	for _, p := range f.Policies {
		r.policy(o.VHost(p.VHost), p.Name, p, false)
	}
	for _, x := range f.Exchanges {
		r.exchange(o.VHost(x.VHost), x)
	}
	for _, q := range f.Queues {
		r.queue(o.VHost(q.VHost), q)
	}
	for _, b := range f.Bindings {
		r.binding(o.VHost(b.VHost), b)
	}
	return r.objects, r.problems
}

func (r *reader) add(o topology.Object, at diag.Position, parts map[string]diag.Position) {
	r.objects = append(r.objects, Object{Object: o, At: at, Parts: parts})
}

func (r *reader) errorAt(at diag.Position, object, message, fix string) {
	r.problems = append(r.problems,
		diag.Diagnostic{Severity: diag.Error, Position: at, Object: object, Message: message, Fix: fix})
}

// parts has the positions of the fields of an object and of the entries of its tables.
func parts(l *decode.Located, tables ...table) map[string]diag.Position {
	positions := maps.Clone(l.FieldPositions())
	if positions == nil {
		positions = map[string]diag.Position{}
	}
	for _, t := range tables {
		for name, v := range t {
			positions[name] = v.At
		}
	}
	return positions
}

func (t table) table() topology.Arguments {
	values := make(map[string]any, len(t))
	for name, v := range t {
		values[name] = v.Value
	}
	return amqptable.NormaliseTable(values)
}

// vhost takes what brokers write at the top of a vhost or in its metadata. "undefined" is what
// older brokers write for no default queue type (fact no-default-queue-type).
func (r *reader) vhost(v *vhost) {
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
	if protected := cmp.Or(v.Protected, v.Metadata.Protected); protected != nil {
		o.ProtectedFromDeletion, o.Declared.ProtectedFromDeletion = *protected, true
	}
	r.add(o, v.Position(), parts(&v.Located))
	r.vhostLimits(v.Name, v.Limits, &v.Located)
}

func (r *reader) vhostLimits(vhost string, limits table, l *decode.Located) {
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		v := limits[name]
		value, ok := v.Value.(int64)
		if !ok {
			r.errorAt(v.At, "", "the limit "+name+" must be an integer", "")
			continue
		}
		r.add(&topology.VHostLimit{VHost: vhost, Name: name, Value: value}, cmp.Or(v.At, l.Position()), nil)
	}
}

func (r *reader) user(d *File, u *user) {
	o := &topology.User{Name: u.Name, Tags: u.Tags, Password: u.Password, PasswordHash: u.PasswordHash,
		HashingAlgorithm: u.HashingAlgorithm}
	if o.PasswordHash == "" {
		o.HashingAlgorithm = ""
	} else if o.HashingAlgorithm == "" {
		o.HashingAlgorithm = defaultAlgorithm(cmp.Or(d.RabbitVersion, d.RabbitMQVersion))
	}
	o.Passwordless = u.Has("password_hash") && u.PasswordHash == "" && u.Password == ""
	if u.Has("password") && u.Password == "" && !u.Has("password_hash") {
		r.errorAt(u.FieldPosition("password"), r.options.Name(o.Ref()), "the password is empty, and nobody gets in with it",
			`for a user without a password write "password_hash": ""; leave both out to keep the one that it has`)
	}
	p := parts(&u.Located)
	if u.Password != "" {
		r.problems = append(r.problems, diag.Diagnostic{Severity: diag.Warning, Position: u.FieldPosition("password"),
			Object: r.options.Name(o.Ref()), Rule: "credentials-in-file", Part: "password",
			Message: "the file has the password in plain text", Why: "everybody who can read the file can log in",
			Fix: "replace it by password_hash (rabbitmqctl hash_password)"})
	}
	if u.Password != "" && u.PasswordHash != "" {
		o.Password = "" // the broker's import takes the hash
	}
	r.add(o, u.Position(), p)
	for _, name := range slices.Sorted(maps.Keys(u.Limits)) {
		v := u.Limits[name]
		if value, ok := v.Value.(int64); ok {
			r.add(&topology.UserLimit{User: u.Name, Name: name, Value: value}, v.At, nil)
			continue
		}
		r.errorAt(v.At, r.options.Name(o.Ref()), "the limit "+name+" must be an integer", "")
	}
}

// defaultAlgorithm is the algorithm of a hash that names none. Like the broker's own import, it
// goes by the version in the file: the first ones used MD5 and did not say so. A strange version
// does not mean MD5.
func defaultAlgorithm(version string) string {
	minor, is3 := strings.CutPrefix(version, "3.")
	if is3 && len(minor) > 1 && minor[0] >= '0' && minor[0] <= '5' && minor[1] == '.' {
		return topology.HashingPrefix + "md5"
	}
	return topology.HashingPrefix + "sha256"
}

// globalParameter leaves out what identifies the cluster that the file was exported from.
func (r *reader) globalParameter(p *globalParameter) {
	switch p.Name {
	case "cluster_name", "internal_cluster_id", "cluster_tags":
		r.leftOut(p.Position(), "", "the global parameter "+p.Name+" is left alone",
			"it identifies the cluster that the file was exported from, and would rename yours")
		return
	}
	r.add(&topology.GlobalParameter{Name: p.Name, Value: p.Value.Value}, p.Position(), parts(&p.Located))
}

// parameter finds the objects that are stored as parameters: limits of a vhost, policies and
// operator policies.
func (r *reader) parameter(vhost string, p *parameter) {
	switch p.Component {
	case "vhost-limits":
		var limits table
		if r.decode(p, &limits) {
			r.vhostLimits(vhost, limits, &p.Located)
		}
	case "operator_policy", "policy":
		var policy policy
		if r.decode(p, &policy) {
			r.policy(vhost, p.Name, &policy, p.Component == "operator_policy")
		}
	default:
		r.add(&topology.Parameter{VHost: vhost, Component: p.Component, Name: p.Name, Value: p.Value.Value},
			p.Position(), parts(&p.Located))
	}
}

// decode reads the value of a parameter as what it is.
func (r *reader) decode(p *parameter, into any) bool {
	if p.node == nil {
		return false // reported as missing already
	}
	d := &decode.Decoder{Lenient: true, Object: p.Component + " " + p.Name}
	d.Value(p.node, reflect.ValueOf(into).Elem(), decode.Field{Name: "value"})
	r.problems = append(r.problems, d.Problems...)
	return !d.Problems.HasErrors()
}

func (r *reader) policy(vhost, name string, p *policy, operator bool) {
	o := &topology.Policy{Operator: operator, VHost: vhost, Name: name, Pattern: p.Pattern,
		ApplyTo: cmp.Or(p.ApplyTo, topology.ApplyToAll), Priority: p.Priority,
		Definition: p.Definition.table()}
	r.add(o, p.Position(), parts(&p.Located, p.Definition))
}

// exchange leaves out what every vhost has: some brokers export amq.rabbitmq.log.
func (r *reader) exchange(vhost string, x *exchange) {
	if capability.IsPredeclared(x.Name) || capability.IsBrokerDeclared(x.Name) {
		return
	}
	r.add(&topology.Exchange{VHost: vhost, Name: x.Name, Type: x.Type, Durable: x.Durable == nil || *x.Durable,
		AutoDelete: x.AutoDelete, Internal: x.Internal,
		Arguments: x.Arguments.table()}, x.Position(), parts(&x.Located, x.Arguments))
}

func (r *reader) queue(vhost string, q *queue) {
	o := &topology.Queue{VHost: vhost, Name: q.Name, Type: topology.Classic, Durable: q.Durable == nil || *q.Durable,
		AutoDelete: q.AutoDelete, Arguments: q.Arguments.table()}
	p := parts(&q.Located, q.Arguments)
	given := queueType(q.Type)
	if v, ok := o.Arguments["x-queue-type"]; ok {
		text, isText := v.(string)
		if !isText {
			r.errorAt(p["x-queue-type"], r.options.Name(o.Ref()), "x-queue-type must be a string",
				"write classic, quorum or stream")
		}
		if text != "" {
			o.Type, o.TypeDeclared = queueType(text), true
		}
		delete(o.Arguments, "x-queue-type")
		if len(o.Arguments) == 0 {
			o.Arguments = nil
		}
		p["type"] = p["x-queue-type"]
		given = o.Type
	}
	if capability.IsReserved(q.Name) {
		r.leftOut(q.Position(), r.options.Name(o.Ref()), "was named by a broker and is left out",
			"no client can declare it again: the application that made it does, under another name")
		return
	}
	if q.Exclusive {
		r.leftOut(q.FieldPosition("exclusive"), r.options.Name(o.Ref()), "is exclusive and left out",
			"an exclusive queue lives and dies with the connection that declares it")
		return
	}
	switch {
	case given == topology.Classic:
		o.TypeDeclared = true
	case given != "" && given != o.Type:
		r.leftOut(q.FieldPosition("type"), r.options.Name(o.Ref()),
			"its type "+given+" is left out, as a broker's import does",
			"without the argument x-queue-type the queue is classic, or of its vhost's default queue type")
	}
	r.add(o, q.Position(), p)
}

// queueType takes off what some exports put around the name of a type: rabbit_quorum_queue.
func queueType(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(s, "rabbit_"), "_queue")
}

func (r *reader) binding(vhost string, b *binding) {
	to := topology.ToQueue
	if b.DestinationType == string(topology.ToExchange) {
		to = topology.ToExchange
	}
	o := &topology.Binding{VHost: vhost, Source: b.Source, Destination: b.Destination, DestinationType: to,
		RoutingKey: b.RoutingKey, Arguments: b.Arguments.table()}
	p := parts(&b.Located)
	for name, v := range b.Arguments {
		p[ArgumentPart+name] = v.At
	}
	if to == topology.ToQueue && capability.IsReserved(b.Destination) {
		r.leftOut(b.Position(), r.options.Name(o.Ref()), "is left out, as its queue is", "")
		return
	}
	if b.Source == "" && to == topology.ToQueue && b.RoutingKey == b.Destination {
		r.leftOut(b.Position(), r.options.Name(o.Ref()),
			"is left out: every queue is bound to the default exchange by its name", "")
		return
	}
	r.add(o, b.Position(), p)
}

// leftOut reports what the file has and msgctl leaves alone.
func (r *reader) leftOut(at diag.Position, object, message, why string) {
	r.problems = append(r.problems, diag.Diagnostic{Severity: diag.Warning, Position: at, Object: object, Message: message,
		Why: why, Rule: "left-out", Part: at.String()})
}

// splitTags reads the tags of a user as old brokers wrote them: administrator,monitoring.
func splitTags(s string) []string {
	var tags []string
	for tag := range strings.SplitSeq(s, ",") {
		if tag = strings.TrimSpace(tag); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}
