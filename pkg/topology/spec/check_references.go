package spec

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
)

// references checks what events and tests name.
func (r *resolver) references(s *Spec) {
	r.events(s.mainVHost(), &s.Sections)
	r.tests(s.mainVHost(), &s.Sections)
	for name, v := range ordered(s.VHosts) {
		r.events(name, &v.Sections)
		r.tests(name, &v.Sections)
	}
}

func (r *resolver) events(vhost string, s *Sections) {
	for name, e := range ordered(s.Events) {
		object := fmt.Sprintf("event %q", name)
		if e.Exchange != "" {
			r.mustKnow(topology.ExchangeRef(vhost, e.Exchange), e.FieldPosition("exchange"), object,
				"the event could not be published")
		}
		r.eventFields(e, object)
		if e.Schema == nil || e.Schema.File == "" || r.options.Exists == nil {
			continue
		}
		if file := SchemaPath(e.Schema); !r.options.Exists(file) {
			r.report(diag.Error, e.Schema.at, object, fmt.Sprintf("schema: there is no file %s", file),
				"the event's data could not be checked", "the name is relative to the directory of this file")
		}
	}
}

// eventFields checks the values that have a form of their own.
func (r *resolver) eventFields(e *Event, object string) {
	if e.Key != nil && !strings.Contains(*e.Key, "${") { // a variable without a value was reported
		if _, err := event.ParseKey(*e.Key); err != nil {
			r.report(diag.Error, e.FieldPosition("key"), object, strings.TrimPrefix(err.Error(), "routing "),
				"the event could not be published", "write a key like order.created or order.{payload.country}.created")
		}
	}
	if e.Schema != nil {
		r.eventSchema(e.Schema, object)
	}
	if _, err := event.ParseFormat(e.Format); err != nil {
		r.report(diag.Error, e.FieldPosition("format"), object, "format: "+err.Error(), "", "")
	}
}

// eventSchema warns of an inline schema that checks nothing: { orderId: string } lists fields of the
// data where JSON Schema expects keywords, and ignores them.
func (r *resolver) eventSchema(s *EventSchema, object string) {
	fields, ok := s.Inline.(map[string]any)
	if !ok || len(fields) == 0 {
		return
	}
	var properties []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		kind, isText := fields[name].(string)
		if !isText || !slices.Contains([]string{"string", "number", "integer", "boolean", "object", "array"}, kind) {
			return
		}
		properties = append(properties, fmt.Sprintf("%s: { type: %s }", name, kind))
	}
	if kind, ok := fields["type"].(string); ok && len(fields) == 1 && kind != "" {
		return // { type: object }
	}
	r.report(diag.Warning, s.at, object, "schema lists fields where JSON Schema expects keywords",
		"any data would be valid", "write schema: { type: object, properties: { "+strings.Join(properties, ", ")+" } }")
}

// SchemaPath is where an event's schema file lies: beside the topology file that names it, unless
// it is absolute. "" for an inline schema.
func SchemaPath(s *EventSchema) string {
	if s.File == "" || filepath.IsAbs(s.File) || path.IsAbs(s.File) {
		return s.File
	}
	return filepath.Join(filepath.Dir(s.at.File), filepath.FromSlash(s.File))
}

// Folder is the folder of the topology file that names the schema; "." for one that was read from
// standard input.
func (s *EventSchema) Folder() string { return filepath.Dir(s.at.File) }

func (r *resolver) tests(vhost string, s *Sections) {
	names := map[string]*Test{}
	for _, t := range s.Tests {
		object := fmt.Sprintf("test %q", t.Name)
		if first := names[t.Name]; first != nil {
			r.report(diag.Error, t.FieldPosition("name"), object,
				fmt.Sprintf("there are two tests of that name, the first at %s", first.Position()), "", "rename one of the two")
		}
		names[t.Name] = t
		r.publish(vhost, s, t.Publish, object)
		for field, queue := range map[string]string{"reject": t.Reject, "expire": t.Expire, "overflow": t.Overflow,
			"exhaust": t.Exhaust} {
			if queue != "" {
				r.mustKnow(topology.QueueRef(vhost, queue), t.FieldPosition(field), object, "the test could not be run")
			}
		}
		for field, queues := range map[string]decode.Strings{"expect": t.Expect, "contains": t.Contains, "never": t.Never} {
			for _, queue := range queues {
				r.mustKnow(topology.QueueRef(vhost, queue), t.FieldPosition(field), object, "the test could not be run")
			}
		}
	}
}

func (r *resolver) publish(vhost string, s *Sections, p *Publish, object string) {
	switch {
	case p == nil || p.unread: // reported as missing already
	case p.Event != "" && p.Exchange != nil:
		r.report(diag.Error, p.Position(), object, "publish has both event and exchange", "an event knows its exchange",
			"keep one of the two")
	case p.Event != "":
		if _, ok := s.Events[p.Event]; !ok {
			var known []string
			for name := range ordered(s.Events) {
				known = append(known, name)
			}
			fix := "declare it under events:"
			if best := suggest.Nearest(p.Event, known); best != "" {
				fix = fmt.Sprintf("did you mean %s?", best)
			}
			r.report(diag.Error, p.FieldPosition("event"), object, fmt.Sprintf("event %q is not declared", p.Event), "", fix)
		}
	case p.Exchange != nil:
		r.mustKnow(topology.ExchangeRef(vhost, *p.Exchange), p.FieldPosition("exchange"), object, "the test could not be run")
	default:
		r.report(diag.Error, p.Position(), object, "publish names neither an event nor an exchange", "",
			"write publish: { event: order.created }, or publish: { exchange: X, key: K }")
	}
}

func (r *resolver) mustKnow(ref topology.Ref, at diag.Position, object, why string) {
	if r.known(ref) {
		return
	}
	r.report(diag.Error, at, object, fmt.Sprintf("%s %q is not declared", ref.Kind, ref.Name), why, r.wayOut(ref, false))
}

// known reports whether an exchange or queue is declared, external, or there from the start.
// Everything is, when parts of the file could not be read: what they declare is not known.
func (r *resolver) known(ref topology.Ref) bool {
	predeclared := ref.Kind == topology.KindExchange &&
		(capability.IsPredeclared(ref.Name) || capability.IsBrokerDeclared(ref.Name))
	return r.lost || predeclared || r.state.Has(ref) || r.external[ref]
}

// wayOut says what to do about a reference to what nobody declares.
func (r *resolver) wayOut(ref topology.Ref, definitions bool) string {
	if best := r.similar(ref); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	if definitions {
		return "declare it in the file"
	}
	return fmt.Sprintf("declare it, or, when somebody else does, write external: { %ss: [%q] }", ref.Kind, ref.Name)
}

// similar returns the name of the declared object that was probably meant, or "".
func (r *resolver) similar(ref topology.Ref) string {
	if r.suggested++; r.suggested > decode.MaxSuggestions {
		return ""
	}
	var names []string
	for other := range r.places {
		if other.Kind == ref.Kind && other.VHost == ref.VHost {
			names = append(names, other.Name)
		}
	}
	slices.Sort(names)
	return suggest.Nearest(ref.Name, names)
}
