package alert_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/msgctl/msgctl/internal/exporter/alert"
	"github.com/msgctl/msgctl/internal/promtest"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// rulesOf makes the rules of a topology file.
func rulesOf(t testing.TB, file string, from alert.Source) ([]alert.Rule, []byte) {
	t.Helper()
	s, state, problems := spec.Read([]source.Input{{Name: "t.yaml", Data: []byte(file)}}, spec.Options{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	o := alert.Options{State: state, Source: from, Files: "-f t.yaml"}
	o.File, o.Queues = s.AlertSettings()
	rules := alert.Rules(o)
	text, err := alert.YAML("t", rules)
	if err != nil {
		t.Fatal(err)
	}
	return rules, text
}

const shop = `vhost: shop
exchanges: { dlx: {} }
queues:
  orders:  { deadLetter: { exchange: dlx, key: dead }, maxLength: 1000, retry: { backoff: [5s] } }
  emails:  { deadLetter: { exchange: dlx, key: dead }, maxLengthBytes: 1MB, overflow: reject-publish, alerts: { nearlyFull: off, consumers: 2 } }
  nightly: { deadLetter: { exchange: dlx, key: dead }, alerts: { consumers: 0, for: 1m } }
  audit:   { type: stream, maxLengthBytes: 1GB }
  dead:    { bindings: [{ exchange: dlx, key: dead }] }
  known:   { bindings: [{ exchange: dlx, key: dead }], alerts: { deadLetters: 100, growth: off } }
policies:
  most: { pattern: ^nightly$, applyTo: queues, definition: { max-length: 10 } }
`

// TestRules: which queues get which rules, and from where their limits come.
func TestRules(t *testing.T) {
	rules, text := rulesOf(t, shop, alert.Exporter)
	promtest.CheckRules(t, text)
	got := map[string][]string{}
	for _, r := range rules {
		got[r.Alert] = append(got[r.Alert], strings.TrimPrefix(fmt.Sprintf("%s %s %s %s", r.Labels["queue"],
			r.Labels["severity"], r.For, r.Expr[strings.LastIndexAny(r.Expr, ")")+1:]), " "))
	}
	for name, want := range map[string][]string{
		alert.QueueFull: {"emails critical 5m  >= 950000", "nightly warning 1m  >= 8", "nightly critical 1m  >= 10",
			"orders warning 5m  >= 800", "orders critical 5m  >= 950"},
		alert.NoConsumers: {"emails warning 5m  < 2", "orders warning 5m  < 1"},
		alert.DeadLetters: {"known warning 5m  > 100", "warning 5m  > 0"},
		alert.Growing:     {"critical 5m  > 10"},
		alert.Losing:      {"critical 5m  > 0"},
		alert.NotWatched:  {"critical 5m "},
		alert.Drift:       {"warning 5m  > 0"},
	} {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s:\n got  %q\n want %q", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("besides: %q", got)
	}
	for _, r := range rules {
		if r.Annotations["summary"] == "" || !strings.Contains(r.Annotations["runbook_url"], strings.ToLower(r.Alert)) ||
			!strings.Contains(r.Annotations["description"], "msgctl ") {
			t.Errorf("%s: %q", r.Alert, r.Annotations)
		}
	}
}

// A quorum queue drops its oldest messages where a classic queue dead-letters the new ones.
func TestRulesSayWhatAFullQueueDoes(t *testing.T) {
	rules, _ := rulesOf(t, `
queues:
  classic: { type: classic, maxLength: 10, overflow: reject-publish-dlx }
  quorum: { type: quorum, maxLength: 10, overflow: reject-publish-dlx }
`, alert.Exporter)
	got := map[string]bool{}
	for _, r := range rules {
		if r.Alert == alert.QueueFull {
			got[r.Labels["queue"]] = strings.Contains(r.Annotations["description"], "the broker refuses what is published")
		}
	}
	if want := map[string]bool{"classic": true, "quorum": false}; !maps.Equal(got, want) {
		t.Errorf("new messages are refused: %v, want %v", got, want)
	}
}

// TestRulesOfTheBroker: the broker's own exporter tells nothing of drift and of lost letters, and
// the dead-letter queues must be named.
func TestRulesOfTheBroker(t *testing.T) {
	rules, text := rulesOf(t, shop, alert.RabbitMQ)
	promtest.CheckRules(t, text)
	if strings.Contains(string(text), "msgctl_") {
		t.Errorf("it asks for metrics of the exporter:\n%s", text)
	}
	if !strings.Contains(string(text), `rabbitmq_detailed_queue_messages_ready{vhost="shop",queue=~"dead"}`) {
		t.Errorf("dead-letter queues are not named:\n%s", text)
	}
	for _, r := range rules {
		if r.Alert == alert.Drift || r.Alert == alert.Losing || r.Alert == alert.NotWatched {
			t.Errorf("%s cannot be told", r.Alert)
		}
	}
}

// TestHostileNames: whatever AMQP lets a queue be called, the rules are valid, and are about that
// queue.
func TestHostileNames(t *testing.T) {
	for _, name := range hostile {
		t.Run(fmt.Sprintf("%q", name), func(t *testing.T) {
			_, text := rulesOf(t, fmt.Sprintf("vhost: %q\nqueues:\n  %q: { maxLength: 10 }\n  %q: { alerts: { deadLetters: 5 "+
				"} }\n  src: { deadLetter: { exchange: \"\", key: %q } }\n",
				name, name, name+".dlq", name+".dlq"), alert.Exporter)
			promtest.CheckRules(t, text)
			tests := fill(t, hostileTests, map[string]string{"name": name})
			if said, ok := promtest.TestRules(t, text, tests); !ok {
				t.Errorf("%s\n%s", said, text)
			}
		})
	}
}

var hostile = []string{
	`plain`, `with "quotes"`, `it's`, `back\slash`, "new\nline\ttab", `{{ .Value }}`, `{{{`, `}}`, `$labels`, `a|b`, `(`,
	`.*`, `'; rm -rf / #`, "\x1b[31mred\x7f", `ünï✓`, `: #`, `%d`, "\u2028\u00a0\ufeff",
}

// FuzzNames looks for names that make rules that Prometheus refuses.
func FuzzNames(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if len(name) > 200 || name == "" || strings.ContainsRune(name, 0) || strings.ToValidUTF8(name, "") != name ||
			strings.HasPrefix(name, "amq.") || strings.Contains(name, "${") {
			return // AMQP allows no such name, or the file gives it another meaning
		}
		_, text := rulesOf(t, fmt.Sprintf("{%s: %s, queues: {%s: {maxLength: 10}}}", `"vhost"`, quoted(name), quoted(name)),
			alert.Exporter)
		promtest.CheckRules(t, text)
	})
}

// quoted writes a name as YAML and JSON both read it.
func quoted(s string) string { return fmt.Sprintf("%q", s) }

// fill fills in a file of promtool's tests.
func fill(t testing.TB, file string, data map[string]string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// A series is PromQL in a text of YAML, and its labels are quoted twice: YAML's double quotes
	// know Go's escapes, too.
	parsed, err := template.New("").Delims("<<", ">>").Funcs(template.FuncMap{"quote": quoted}).Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, data); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const hostileTests = "testdata/hostile.yaml"

// TestAlertsFire lets promtool play series that make each alert fire, and series that do not.
func TestAlertsFire(t *testing.T) {
	_, text := rulesOf(t, shop, alert.Exporter)
	tests, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if said, ok := promtest.TestRules(t, text, tests); !ok {
		t.Errorf("%s\n%s", said, text)
	}
}

// TestRunbooks: each alert has a heading in docs/monitoring.md, where its runbook_url leads.
func TestRunbooks(t *testing.T) {
	text, err := os.ReadFile("../../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	rules, _ := rulesOf(t, shop, alert.Exporter)
	for _, r := range rules {
		_, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "docs/monitoring.md#")
		if anchor != strings.ToLower(r.Alert) || !strings.Contains(string(text), "\n### "+r.Alert+"\n") {
			t.Errorf("%s has no heading", r.Alert)
		}
	}
}
