package plans

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

func samplePlan() *plan.Plan {
	queue := &topology.Queue{
		VHost: "/", Name: "orders.created.queue", Type: "quorum", Durable: true,
		Arguments: topology.Arguments{"x-message-ttl": int64(86_400_000), "x-dead-letter-exchange": "dlx.exchange",
			"x-max-length-bytes": int64(1 << 20)},
	}
	binding := &topology.Binding{VHost: "/", Source: "orders.exchange", Destination: queue.Name,
		DestinationType: topology.ToQueue, RoutingKey: "order.created"}
	user := &topology.User{Name: "billing", Tags: []string{"monitoring"}, Password: "hunter2"}
	evil := &topology.Exchange{VHost: "/", Name: "evil\x1b[31m```", Type: "topic", Durable: true}
	return &plan.Plan{
		Name: "orders", Server: topology.Server{Version: "4.3.6", ClusterName: "rabbit@host"}, Unchanged: 3,
		Steps: []plan.Step{
			{Action: plan.Create, Ref: user.Ref(), Want: user},
			{Action: plan.Create, Ref: evil.Ref(), Want: evil},
			{Action: plan.Create, Ref: queue.Ref(), Want: queue},
			{
				Action: plan.Replace, Ref: topology.Ref{Kind: topology.KindQueue, VHost: "/", Name: "old"},
				Changes: []plan.FieldChange{{Field: "messageTTL", Have: int64(3_600_000), Want: nil,
					Unit: capability.Milliseconds, Immutable: true}},
				Why: "RabbitMQ cannot change the arguments of an existing queue", Risk: &plan.Risk{Messages: 1234,
					Consumers: 1, Known: true},
				Blocked: "it holds 1,234 messages",
			},
			{Action: plan.Create, Ref: binding.Ref(), Want: binding},
			{Action: plan.Update, Ref: topology.Ref{Kind: topology.KindPolicy, VHost: "/", Name: "p"},
				Changes: []plan.FieldChange{{Field: "priority", Have: int64(1), Want: int64(2)}}},
		},
		Undeclared: []topology.Ref{{Kind: topology.KindQueue, VHost: "/", Name: "gone"}},
		Problems: diag.Diagnostics{{
			Severity: diag.Error, Position: diag.Position{File: "t.yaml", Line: 3,
				Column: 5}, Object: `queue "q"`, Message: "wrong",
			Why: "because", Fix: "write right",
		}},
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, NewPlanDocument(samplePlan()), terminal.Styler{}, 0); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + b.String())
	for _, want := range []string{
		`Plan for topology "orders" on RabbitMQ 4.3.6 (rabbit@host)`,
		"  + orders.created.queue  quorum, messageTTL 24h, ", "maxLengthBytes 1MiB",
		"  + orders.exchange → orders.created.queue  key order.created",
		"      messageTTL  1h → (unset)", "at stake: 1,234 messages, 1 consumer", "blocked: it holds 1,234 messages",
		"t.yaml:3:5: error: queue \"q\": wrong", "    fix: write right",
		`evil\x1b[31m`, "queue \"gone\" in vhost \"/\"",
		"Plan: 4 to create, 1 to update, 1 to replace, 0 to delete; 3 unchanged; 1 blocked; 1 error: nothing would be " +
			"applied.",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q", want)
		}
	}
	assertHarmless(t, b.String())
}

func TestMarkdownCannotBeBrokenOutOf(t *testing.T) {
	var b bytes.Buffer
	if err := Markdown(&b, NewPlanDocument(samplePlan())); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + b.String())
	assertHarmless(t, b.String())
	if got := strings.Count(b.String(), "````"); got != 2 {
		t.Errorf("a name with three backticks needs a fence of four, once on each side: found %d", got)
	}
	for _, want := range []string{"\n+  + orders.created.queue", "\n!  ~ p",
		"- **replace** `queue \"old\" in vhost \"/\"`", "</details>"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the Markdown lacks %q", want)
		}
	}
}

func TestJSONAndYAMLSayTheSame(t *testing.T) {
	var j, y bytes.Buffer
	doc := NewPlanDocument(samplePlan())
	if err := render.JSON(&j, doc); err != nil {
		t.Fatal(err)
	}
	if err := render.YAML(&y, doc); err != nil {
		t.Fatal(err)
	}
	assertHarmless(t, j.String()+y.String())
	var fromJSON, fromYAML map[string]any
	if err := json.Unmarshal(j.Bytes(), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(y.Bytes(), &fromYAML); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(fromYAML)
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(fromJSON)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, want) {
		t.Errorf("YAML and JSON differ:\n%s\n%s", again, want)
	}
	if fromJSON["format_version"] != FormatVersion {
		t.Errorf("format_version = %v", fromJSON["format_version"])
	}
	summary, _ := fromJSON["summary"].(map[string]any)
	if summary["create"] != float64(4) || summary["blocked"] != float64(1) {
		t.Errorf("summary = %v", summary)
	}
}

// assertHarmless fails if the output contains the password of the sample or a control character.
func assertHarmless(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "hunter2") {
		t.Error("the output shows a password")
	}
	if strings.ContainsRune(text, '\x1b') {
		t.Error("an escape sequence in a name reached the output")
	}
}

func TestNothingToDo(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, NewPlanDocument(&plan.Plan{Unchanged: 1}), terminal.Styler{}, 0); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != "No changes: 1 object is as declared.\n" {
		t.Errorf("got %q", got)
	}
}

// TestTextFitsTheTerminal uses names, differences and notes that are wider than the terminal.
func TestTextFitsTheTerminal(t *testing.T) {
	p := samplePlan()
	long := "orders.created.of.the.billing.department.queue"
	p.Steps = append(p.Steps,
		plan.Step{Action: plan.Update, Ref: topology.Ref{Kind: topology.KindPolicy, VHost: "/", Name: "limits"},
			Changes: []plan.FieldChange{{Field: "pattern", Have: strings.Repeat("old ", 20), Want: strings.Repeat("new ", 20)}},
			Risk:    &plan.Risk{}},
		plan.Step{Action: plan.Delete, Ref: topology.Ref{Kind: topology.KindBinding, VHost: "/",
			Name: "orders.exchange → " + long + ".dead-letters"}})
	p.Unowned = []topology.Ref{{Kind: topology.KindQueue, VHost: "/", Name: "q"}}
	p.Retries = []plan.Retry{{Queue: topology.QueueRef("/", long),
		Why: "its steps do not grow evenly, as the broker's would"}}
	var b bytes.Buffer
	if err := Text(&b, NewPlanDocument(p), terminal.Styler{}, 80); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if terminal.Width(strings.TrimRight(line, "\n")) > 80 {
			t.Errorf("too long: %s", line)
		}
	}
}

// What --prune alone does not delete is listed by what it takes, in the text and in JSON.
func TestWhatPruningTakes(t *testing.T) {
	user := topology.Ref{Kind: topology.KindUser, Name: "u"}
	queue := topology.Ref{Kind: topology.KindQueue, VHost: "old", Name: "q"}
	policy := topology.Ref{Kind: topology.KindPolicy, VHost: "old", Name: "p"}
	doc := NewPlanDocument(&plan.Plan{Name: "t", Undeclared: []topology.Ref{user, queue, policy},
		PruneNeeds: map[topology.Ref]topology.Kind{user: topology.KindUser, queue: "", policy: ""}})
	if diff := cmp.Diff([]PruneNeed{
		{Ref: user, Flag: "--prune=users"}, {Ref: queue, Flag: "--prune", VHost: "old"},
		{Ref: policy, Flag: "--prune=policies", VHost: "old"},
	}, doc.PruneNeeds); diff != "" {
		t.Error(diff)
	}
	var b bytes.Buffer
	if err := Text(&b, doc, terminal.Styler{}, 0); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"with that vhost under vhosts, --prune deletes:\n  queue \"q\"",
		"with that vhost under vhosts, --prune=policies deletes:\n  policy \"p\"", "; --prune=users deletes:\n  user \"u\"",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
}
