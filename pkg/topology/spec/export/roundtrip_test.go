package export_test

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
	"github.com/msgctl/msgctl/pkg/topology/spec/export"
)

// anyName makes names that are hard to quote: those of other types in YAML, with variables, colons,
// quotes, breaks.
func anyName() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z][a-z.\-]{0,12}`),
		rapid.SampledFrom([]string{"1", "1.0", "true", "null", "~", "yes", "on", "<<", "${X}", "$${X}", "$", "a: b", "- a",
			"#x", "a #b", "'", "\"", "{a}", "[a", "*", "&a",
			"!x", "%", "@", "`", " lead", "trail ", "a\nb", "\t", "ключ", "日本", "😀", "a\\b", "0x1f", "1e3", "2001-01-01", ".inf",
			"\u0085", "\u2028", "\ufeff", "a\r\nb", "|", ">", "?", "=", "1_000", "012", "12:30"}),
		rapid.StringN(1, 20, 200),
	).Filter(func(s string) bool {
		return s != "" && !capability.IsReserved(s) && !bytes.ContainsRune([]byte(s), 0) && len(s) < 256
	})
}

func anyPattern() *rapid.Generator[string] {
	return rapid.Map(rapid.String(), regexp.QuoteMeta)
}

func anyValue() *rapid.Generator[any] {
	scalar := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.Int64(),
			func(i int64) any { return i }),
		rapid.Map(rapid.Float64Range(-1e30, 1e30), func(f float64) any { return f }), rapid.Map(rapid.Float64Range(0, 9),
			func(f float64) any { return float64(int(f)) }),
		rapid.Map(anyName(), func(s string) any { return s }),
	)
	return rapid.OneOf(scalar, scalar,
		rapid.Map(rapid.SliceOfN(scalar, 0, 3), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(anyName(), scalar, 0, 3), func(m map[string]any) any { return m }))
}

// stateMaker fills a state with objects that a broker would take.
type stateMaker struct {
	t *rapid.T
	s *topology.State
}

func (m stateMaker) add(o topology.Object) { _ = m.s.Add(o, diag.Position{}) } // a repetition is left out

func drawState(t *rapid.T) *topology.State {
	name := rapid.OneOf(rapid.Just(""), anyName()).Filter(func(s string) bool { return !strings.Contains(s, "@") })
	m := stateMaker{t: t, s: &topology.State{Name: name.Draw(t, "name")}}
	vhosts := rapid.SliceOfNDistinct(anyName(), 1, 3, rapid.ID).Draw(t, "vhosts")
	for i, v := range vhosts {
		if i > 0 || rapid.Bool().Draw(t, "declared") {
			m.vhost(v)
		}
		m.objects(v)
	}
	for range rapid.IntRange(0, 2).Draw(t, "users") {
		name := anyName().Draw(t, "user")
		m.add(&topology.User{Name: name, Tags: rapid.SliceOfN(anyName(), 0, 2).Draw(t, "tags"),
			PasswordHash:     "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
			HashingAlgorithm: "rabbit_password_hashing_sha256"})
		m.add(&topology.UserLimit{User: name, Name: "max-channels", Value: rapid.Int64Range(-1, 1e6).Draw(t, "limit")})
		m.add(&topology.GlobalParameter{Name: anyName().Draw(t, "global"), Value: anyValue().Draw(t, "value")})
	}
	return m.s
}

func (m stateMaker) vhost(name string) {
	v := &topology.VHost{Name: name}
	v.Declared.Description = rapid.Bool().Draw(m.t, "described")
	if v.Declared.Description {
		v.Description = rapid.String().Draw(m.t, "description")
	}
	v.Declared.DefaultQueueType = rapid.Bool().Draw(m.t, "typed")
	if v.Declared.DefaultQueueType {
		v.DefaultQueueType = rapid.SampledFrom([]string{"classic", "quorum"}).Draw(m.t, "default type")
	}
	m.add(v)
}

func (m stateMaker) objects(v string) {
	exchanges, queues := []string{"amq.topic", "amq.headers"}, []string{}
	for range rapid.IntRange(0, 3).Draw(m.t, "exchanges") {
		x := m.exchange(v)
		m.add(x)
		exchanges = append(exchanges, x.Name)
	}
	for range rapid.IntRange(0, 4).Draw(m.t, "queues") {
		q := m.queue(v)
		m.add(q)
		queues = append(queues, q.Name)
	}
	for range rapid.IntRange(0, 6).Draw(m.t, "bindings") {
		b := &topology.Binding{VHost: v, Source: rapid.SampledFrom(exchanges).Draw(m.t, "source"),
			Destination:     rapid.SampledFrom(exchanges).Draw(m.t, "to"),
			DestinationType: topology.ToExchange, RoutingKey: rapid.OneOf(rapid.Just(""), anyName()).Draw(m.t, "key")}
		if len(queues) > 0 && rapid.Bool().Draw(m.t, "to queue") {
			b.Destination, b.DestinationType = rapid.SampledFrom(append(queues, "elsewhere")).Draw(m.t,
				"queue"), topology.ToQueue
		}
		b.Arguments = amqptable.NormaliseTable(rapid.MapOfN(anyName(), anyValue(), 0, 2).Draw(m.t, "arguments"))
		if len(b.Arguments) > 0 && rapid.Bool().Draw(m.t, "matched") {
			b.Arguments["x-match"] = "any"
		}
		m.add(b)
	}
	m.others(v)
}

func (m stateMaker) exchange(v string) *topology.Exchange {
	x := &topology.Exchange{VHost: v, Name: anyName().Draw(m.t, "exchange"),
		Type:    rapid.SampledFrom([]string{"direct", "topic", "fanout", "headers", "x-consistent-hash"}).Draw(m.t, "type"),
		Durable: rapid.Bool().Draw(m.t, "durable"), AutoDelete: rapid.Bool().Draw(m.t,
			"autoDelete"), Internal: rapid.Bool().Draw(m.t, "internal")}
	args := map[string]any{}
	if rapid.Bool().Draw(m.t, "alternate") {
		args["alternate-exchange"] = anyName().Draw(m.t, "alternate exchange")
	}
	if rapid.Bool().Draw(m.t, "more") {
		args["hash-header"] = anyValue().Draw(m.t, "argument")
	}
	x.Arguments = amqptable.NormaliseTable(args)
	return x
}

func (m stateMaker) queue(v string) *topology.Queue {
	q := &topology.Queue{VHost: v, Name: anyName().Draw(m.t, "queue"),
		Type: rapid.SampledFrom([]string{"classic", "quorum", "stream"}).Draw(m.t, "type"), Durable: true, TypeDeclared: true}
	if q.Type == "classic" {
		q.Durable, q.AutoDelete = rapid.Bool().Draw(m.t, "durable"), rapid.Bool().Draw(m.t, "autoDelete")
		if vh, ok := m.s.Get(topology.Ref{Kind: topology.KindVHost, Name: v}); !ok ||
			vh.(*topology.VHost).DefaultQueueType == "" {
			q.TypeDeclared = rapid.Bool().Draw(m.t, "declared")
		}
	}
	args := map[string]any{}
	for _, a := range capability.QueueArguments() {
		if !a.TakenBy(q.Type, "") || !rapid.Bool().Draw(m.t, a.Name) {
			continue
		}
		switch {
		case a.Type == capability.Boolean:
			args[a.Name] = rapid.Bool().Draw(m.t, "value")
		case a.Type == capability.Integer:
			most := a.Max
			if most == 0 {
				most = 1 << 60
			}
			args[a.Name] = rapid.Int64Range(a.Min, most).Draw(m.t, "value")
		case a.Name == "x-max-age":
			args[a.Name] = rapid.SampledFrom([]string{"7D", "1Y", "90m"}).Draw(m.t, "value")
		case a.Values != nil:
			args[a.Name] = rapid.SampledFrom(a.Values).Draw(m.t, "value")
		default:
			args[a.Name] = rapid.OneOf(rapid.Just(""), anyName()).Draw(m.t, "value")
		}
	}
	if _, ok := args["x-dead-letter-exchange"]; !ok {
		delete(args, "x-dead-letter-routing-key")
	}
	if rapid.Bool().Draw(m.t, "verbatim") {
		args["x-a-plugin-reads-this-argument"] = anyValue().Draw(m.t, "argument")
	}
	q.Arguments = amqptable.NormaliseTable(args)
	return q
}

func (m stateMaker) others(v string) {
	if rapid.Bool().Draw(m.t, "policy") {
		m.add(&topology.Policy{VHost: v, Name: anyName().Draw(m.t, "policy name"), Pattern: anyPattern().Draw(m.t, "pattern"),
			ApplyTo: rapid.SampledFrom([]string{"all", "queues", "streams"}).Draw(m.t, "applyTo"),
			Priority: rapid.Int64Range(-9, 9).Draw(m.t,
				"priority"), Definition: topology.Arguments{"message-ttl": rapid.Int64Range(0, 1e10).Draw(m.t,
				"ttl"), "dead-letter-exchange": anyName().Draw(m.t, "dlx")}})
		m.add(&topology.Policy{Operator: true, VHost: v, Name: anyName().Draw(m.t, "policy name"), Pattern: ".*",
			ApplyTo: "queues", Definition: topology.Arguments{"max-length-bytes": rapid.Int64Range(0, 1e15).Draw(m.t, "bytes")}})
		m.add(&topology.VHostLimit{VHost: v, Name: "max-queues", Value: rapid.Int64Range(-1, 1e6).Draw(m.t, "limit")})
	}
	if rapid.Bool().Draw(m.t, "access") {
		user := anyName().Draw(m.t, "user")
		m.add(&topology.Permission{VHost: v, User: user, Configure: anyPattern().Draw(m.t, "configure"), Write: ".*",
			Read: ""})
		m.add(&topology.TopicPermission{VHost: v, User: user, Exchange: anyName().Draw(m.t, "exchange"),
			Write: anyPattern().Draw(m.t, "write")})
		m.add(&topology.Parameter{VHost: v, Component: rapid.SampledFrom([]string{"shovel", "federation-upstream"}).Draw(m.t,
			"component"), Name: anyName().Draw(m.t, "parameter"), Value: anyValue().Draw(m.t, "value")})
	}
}

// same compares two states object by object.
func same(want, got *topology.State) string {
	if want.Name != got.Name {
		return fmt.Sprintf("name %q, got %q", want.Name, got.Name)
	}
	return cmp.Diff(want.Objects(), got.Objects(), cmpopts.EquateEmpty(), cmpopts.EquateNaNs())
}

func TestWriteYAMLReadsBack(t *testing.T) { checkReadsBack(t, "t.yaml", export.WriteYAML) }

func TestWriteJSONReadsBack(t *testing.T) { checkReadsBack(t, "t.json", export.WriteJSON) }

func checkReadsBack(t *testing.T, name string, write func(io.Writer, *topology.State, export.Options) error) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawState(t)
		var text bytes.Buffer
		if err := write(&text, want, export.Options{Users: true, Secrets: true}); err != nil {
			t.Fatal(err)
		}
		_, got, problems := spec.Read([]source.Input{{Name: name, Data: text.Bytes()}}, spec.Options{})
		if want.Len() == 0 {
			return
		}
		if problems.HasErrors() {
			t.Fatalf("%s\n%s", problems.Err(), text.String())
		}
		if diff := same(want, got); diff != "" {
			t.Fatalf("%s\n%s", diff, text.String())
		}
	})
}

func TestWriteDefinitionsReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawState(t)
		want.Name = ""
		var text bytes.Buffer
		if err := export.WriteDefinitions(&text, want, export.Options{Users: true}); err != nil {
			if strings.Contains(err.Error(), "a null in arguments") {
				return // as TestWriteDefinitionsRefusesNulls has it
			}
			t.Fatal(err)
		}
		_, got, problems := spec.Read([]source.Input{{Name: "t.json", Data: text.Bytes()}}, spec.Options{})
		problems = slices.DeleteFunc(problems,
			func(d diag.Diagnostic) bool { return d.Message == `queue "elsewhere" is not declared` })
		if problems.HasErrors() {
			t.Fatalf("%s\n%s", problems.Err(), text.String())
		}
		if diff := same(want, got); diff != "" {
			t.Fatalf("%s\n%s", diff, text.String())
		}
	})
}

func TestWriteDefinitionsRefusesNulls(t *testing.T) {
	for text, ok := range map[string]bool{"a: 1": true, "a: null": false, "a: [1, null]": false, "a: { b: null }": false,
		"a: [{ b: x }]": true} {
		_, s := mustRead(t, "t.yaml", "queues: { q: { bindings: [{ exchange: amq.headers, headers: { "+text+" } }] } }",
			spec.Options{})
		if err := export.WriteDefinitions(io.Discard, s, export.Options{}); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
