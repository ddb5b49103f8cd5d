package spec

import (
	"fmt"
	"reflect"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
)

func (r *resolver) exchange(vhost, name string, x *Exchange) {
	o := &topology.Exchange{VHost: vhost, Name: name, Type: x.Type, Durable: x.Durable == nil || *x.Durable,
		AutoDelete: x.AutoDelete, Internal: x.Internal}
	if o.Type == "" {
		o.Type = "direct"
	}
	args := newArguments(r, o.Ref(), x.Arguments)
	if x.AlternateExchange != nil {
		args.typed("alternate-exchange", "alternateExchange", *x.AlternateExchange, x.FieldPosition("alternateExchange"))
	}
	o.Arguments = args.table()
	args.parts["type"] = x.FieldPosition("type")
	r.add(o, &place{at: x.Position(), parts: args.parts, has: x.Has})
	for _, b := range x.Bindings {
		r.bindings(vhost, b.Exchange, name, topology.ToExchange, &b.BindingMatch, &b.Located)
	}
}

func (r *resolver) queue(vhost, name string, q *Queue) {
	o := &topology.Queue{VHost: vhost, Name: name, Type: q.Type, TypeDeclared: q.Type != "", Durable: q.Durable == nil ||
		*q.Durable, AutoDelete: q.AutoDelete}
	args := newArguments(r, o.Ref(), q.Arguments)
	if given, ok := args.values["x-queue-type"]; ok {
		if text, isText := given.(string); o.TypeDeclared || !isText {
			args.clash("x-queue-type", "type")
		} else {
			o.Type, o.TypeDeclared = text, true
		}
		delete(args.values, "x-queue-type")
	}
	if o.Type == "" {
		o.Type = topology.Classic
	}
	r.typedArguments(args, q)
	o.Arguments = args.table()
	for _, field := range []string{"type", "durable", "autoDelete"} {
		args.parts[field] = q.FieldPosition(field)
	}
	r.add(o, &place{at: q.Position(), parts: args.parts, has: q.Has})
	for _, b := range q.Bindings {
		r.bindings(vhost, b.Exchange, name, topology.ToQueue, &b.BindingMatch, &b.Located)
	}
	if q.Retry != nil {
		r.retries(o, q)
	}
}

// typedArguments sets the argument of every typed field that the file names.
func (r *resolver) typedArguments(args *arguments, q *Queue) {
	v := reflect.ValueOf(q).Elem()
	for _, f := range decode.FieldsOf(v.Type()) {
		if !q.Has(f.Name) {
			continue
		}
		if a, ok := capability.LookupArgumentField(f.Name); ok {
			args.typed(a.Name, f.Name, plainValue(v.FieldByIndex(f.Index)), q.FieldPosition(f.Name))
		}
	}
	if d := q.DeadLetter; d != nil {
		args.group("deadLetter.", reflect.ValueOf(d).Elem(), &d.Located, d.queue)
	}
	if d := q.DelayedRetry; d != nil {
		args.group("delayedRetry.", reflect.ValueOf(d).Elem(), &d.Located, false)
	}
}

func (r *resolver) freeBinding(vhost string, b *FreeBinding) {
	switch {
	case b.Queue == "" && b.ToExchange == "" && b.Exchange == "":
		return // it could not be read
	case b.Queue == "" && b.ToExchange == "":
		r.report(diag.Error, b.Position(), "", "a binding must lead to a queue or an exchange", "",
			"add queue: NAME or toExchange: NAME")
	case b.Queue != "" && b.ToExchange != "":
		r.report(diag.Error, b.Position(), "", "a binding leads to a queue or to an exchange, not to both", "",
			"write two bindings")
	case b.Queue != "":
		r.bindings(vhost, b.Exchange, b.Queue, topology.ToQueue, &b.BindingMatch, &b.Located)
	default:
		r.bindings(vhost, b.Exchange, b.ToExchange, topology.ToExchange, &b.BindingMatch, &b.Located)
	}
}

// bindings adds one binding for each key.
func (r *resolver) bindings(vhost, source, destination string, to topology.DestinationType, m *BindingMatch,
	l *decode.Located) {
	if source == "" {
		return // reported as missing or empty already
	}
	keys := []string(m.Keys)
	if m.Key != nil || !l.Has("keys") {
		key := ""
		if m.Key != nil {
			key = *m.Key
		}
		keys = append([]string{key}, keys...)
	}
	parts := map[string]diag.Position{"source": l.FieldPosition("exchange"), "destination": l.Position(),
		"key": l.FieldPosition("key")}
	for _, field := range []string{"queue", "toExchange"} {
		if l.Has(field) {
			parts["destination"] = l.FieldPosition(field)
		}
	}
	b := &topology.Binding{VHost: vhost, Source: source, Destination: destination, DestinationType: to}
	args := newArguments(r, b.Ref(), m.Arguments)
	for header, v := range m.Headers {
		args.typed(header, "headers."+header, v.Value, v.At)
	}
	if m.Match != "" {
		args.typed("x-match", "match", m.Match, l.FieldPosition("match"))
	}
	for name, at := range args.parts {
		parts[argumentPart+name] = at
	}
	if len(keys) == 0 {
		r.report(diag.Error, l.Position(), r.name(b.Ref()), "keys is an empty list",
			"a binding without a key is another one than no binding", `remove the binding, or write key: ""`)
	}
	for _, key := range keys {
		one := *b
		one.RoutingKey, one.Arguments = key, args.table()
		r.add(&one, &place{at: l.Position(), parts: parts})
	}
}

// argumentPart keeps the names of headers apart from those of fields in a place.
const argumentPart = "arguments."

// arguments collects an object's argument table from typed fields and verbatim ones.
type arguments struct {
	r      *resolver
	ref    topology.Ref
	values map[string]any
	parts  map[string]diag.Position
}

func newArguments(r *resolver, ref topology.Ref, verbatim map[string]decode.Any) *arguments {
	a := &arguments{r: r, ref: ref, values: make(map[string]any, len(verbatim)),
		parts: make(map[string]diag.Position, len(verbatim))}
	for name, v := range verbatim {
		a.values[name], a.parts[name] = v.Value, v.At
	}
	return a
}

func (a *arguments) typed(name, field string, value any, at diag.Position) {
	if _, clash := a.values[name]; clash {
		a.clash(name, field)
	}
	a.values[name], a.parts[name] = value, at
}

func (a *arguments) clash(name, field string) {
	a.r.report(diag.Error, a.parts[name], a.r.name(a.ref),
		fmt.Sprintf("arguments has %s, and that is the field %s", name, field),
		"one of the two would win without a word", fmt.Sprintf("write %s only", field))
}

// group sets the arguments of a field that is a mapping of fields. short means the form without a
// mapping.
func (a *arguments) group(prefix string, v reflect.Value, l *decode.Located, short bool) {
	for _, f := range decode.FieldsOf(v.Type()) {
		value := v.FieldByIndex(f.Index)
		if !l.Has(f.Name) && !(short && !value.IsZero()) {
			continue
		}
		if arg, ok := capability.LookupArgumentField(prefix + f.Name); ok {
			a.typed(arg.Name, prefix+f.Name, plainValue(value), l.FieldPosition(f.Name))
		}
	}
}

func (a *arguments) table() topology.Arguments { return amqptable.NormaliseTable(a.values) }

// plainValue is a typed field's value as an argument.
func plainValue(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	}
	return v.Int()
}
