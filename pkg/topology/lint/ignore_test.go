package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

func TestIgnoreCommentsCoverTheirBlock(t *testing.T) {
	const text = `queues:
  # msgctl:ignore limit-without-dead-letters only the newest prices count
  prices:
    bindings: []

    maxLength: 10
  orders: # msgctl:ignore limit-without-dead-letters tests
    maxLength: 10
  paid:
    maxLength: 10
`
	list := find(t, text, "")
	if got := ids(list); !slices.Equal(got, []string{"limit-without-dead-letters"}) {
		t.Fatalf("got %v", list)
	}
	for _, f := range list {
		if f.Ignored == "" && f.Ref.Name != "paid" {
			t.Errorf("the wrong queue is left: %v", f)
		}
	}
	if lint.Worst(list) != lint.Warning {
		t.Error("an ignored finding counts, or the other does not")
	}
}

func TestIgnoreComments(t *testing.T) {
	for _, c := range []struct {
		line, rule, reason string
		column             int
	}{
		{"a: 1 # msgctl:ignore some-rule why not", "some-rule", "why not", 6},
		{"#msgctl:ignore r", "r", "", 1},
		{"é: 1 #  msgctl:ignore  r \t because \r", "r", "because", 6},
		{"# msgctl:ignore", "", "", 1},
	} {
		list := lint.Ignores("f.yaml", []byte(c.line+"\nb: 2\n"))
		if len(list) != 1 || list[0].Rule != c.rule || list[0].Reason != c.reason || list[0].Position.Column != c.column {
			t.Errorf("%q: got %+v", c.line, list)
		}
	}
	for _, line := range []string{"a: x#msgctl:ignore r y", "# msgctl:ignored r y", "# see msgctl:ignore r"} {
		if list := lint.Ignores("f.yaml", []byte(line)); len(list) != 0 {
			t.Errorf("%q is no such comment: %+v", line, list[0])
		}
	}
}

func FuzzIgnores(f *testing.F) {
	for _, seed := range []string{
		"a: 1 # msgctl:ignore rule why\n  b: 2\n", "# msgctl:ignore r\n\n\n- x\n- y", "# msgctl:ignore",
		"\t# msgctl:ignore \xff \x00", "#msgctl:ignore a b\r\n  c\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := strings.Count(string(text), "\n") + 1
		for _, ig := range lint.Ignores("f", text) {
			if ig.First < 1 || ig.Last < ig.First || ig.Last > lines || ig.Position.Line < 1 || ig.Position.Line > lines ||
				ig.Position.Column < 1 {
				t.Errorf("%+v in %d lines", ig, lines)
			}
			if strings.ContainsAny(ig.Rule, " \t\n") || strings.Contains(ig.Reason, "\n") {
				t.Errorf("%+v", ig)
			}
		}
	})
}

func TestConfig(t *testing.T) {
	c, err := lint.ParseConfig("c",
		[]byte("lint:\n  broker: \"4.0\"\n  failOn: note\n  rules: { queue-unfed: off, drift: error }\n  ignore:\n    - { "+
			"rule: exchange-without-bindings, object: \"events.*\", reason: bound at run time }\n"))
	if err != nil || c.Broker != "4.0" || c.FailOn != lint.Note {
		t.Fatal(c, err)
	}
	finding := func(rule, name string) lint.Finding {
		return lint.Finding{Rule: rule, Severity: lint.Warning, Ref: topology.Ref{Kind: topology.KindExchange, Name: name},
			Position: diag.Position{}}
	}
	got := c.Apply([]lint.Finding{finding("queue-unfed", "a"), finding("drift", "a"),
		finding("exchange-without-bindings", "events.orders"), finding("exchange-without-bindings", "other")})
	if len(got) != 3 || got[0].Severity != lint.Error || got[1].Ignored != "bound at run time" || got[2].Ignored != "" {
		t.Errorf("got %+v", got)
	}
}

func TestConfigRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"lint: { rules: { queue-unfeed: off } }", `c:1: rules: there is no rule "queue-unfeed"`},
		{"lint:\n  rules:\n    drift: off\n    queue-unfed: loud\n", `c:4: rules: queue-unfed: "loud" is not one of`},
		{"lint:\n  failOn: off", "c:2: failOn"},
		{"lint:\n  broker: newest", "c:2: broker"},
		{"lint:\n  ignore:\n    - { rule: drift, reason: x }\n    - { rule: queue-unfed }",
			"c:4: ignore[1]: give the reason"},
		{"lint:\n  ignored: []\n  broker: []", "c:2: unknown field ignored\nc:3: want a text, got a list"},
		{"lint: [", "c:1: did not find"},
		{"lint:\n  rules: { drift: [error] }\n  failOn: { a: b }",
			"c:2: want a text, got a list\nc:3: want a text, got a mapping"},
		{"lint:\n  rules: []", "c:2: want a mapping, got a list"},
		{"lint: { failOn: note }\n---\nlint: { failOn: error }", "c:3: a second document begins"},
		{"lint: {}\n--- {}\n", "c:2: a second document begins"},
		{"lint: {}\n---\n[", "c:3: did not find"},
		{"lint:\n  rules: { x: off }\n  failOn: off", "c:2: rules: there is no rule \"x\"\nc:3: failOn"},
		{strings.Repeat("#", 1<<20+1), "bytes"},
	} {
		if _, err := lint.ParseConfig("c", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: got %v, want %s", c.text, err, c.want)
		}
	}
	for _, text := range []string{"", "---\nlint: {}\n---\n# nothing\n...\n"} {
		if _, err := lint.ParseConfig("c", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, seed := range []string{"lint: { broker: \"4.0\" }",
		"lint:\n  ignore: [{ rule: drift, object: \"a*b*\", reason: x }]", "lint: &a [*a]", "---\n---", "\x00",
		"lint: {rules: {drift: off}}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := lint.ParseConfig("c", text)
		if err != nil {
			return
		}
		c.Apply([]lint.Finding{{Rule: "drift", Severity: lint.Warning, Object: `queue "a"`}})
		for _, ig := range c.Ignore {
			if strings.TrimSpace(ig.Reason) == "" {
				t.Error("an ignore without a reason was taken")
			}
		}
	})
}
