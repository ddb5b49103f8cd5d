package graph_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	picture "github.com/msgctl/msgctl/internal/render/graph"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/graph"
)

// hostile returns names that would have a special meaning if they were not escaped.
func hostile() []string {
	return []string{
		`"]; click n1 "javascript:alert(1)"`, "<script>alert(1)</script>", "a\nb\r\n  end\n  style n0 fill:#000",
		`\" ]; evil [label="`, "</title></svg><img src=x onerror=alert(1)>",
		"&lt;b&gt;", "\u202eevil\x1b[31m", "日本語の待ち行列", "`md` **b**", "]]>", "#quot;", "%%{init: {}}%%", strings.Repeat("x",
			255), "",
	}
}

func hostileGraph(t *testing.T) *graph.Graph {
	s := &topology.State{Name: hostile()[1]}
	add := func(o topology.Object) {
		if err := s.Add(o, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range hostile() {
		if n == "" {
			continue
		}
		add(&topology.Exchange{VHost: "/", Name: n, Type: "topic", Durable: true,
			Arguments: topology.Arguments{"alternate-exchange": n}})
		add(&topology.Queue{VHost: n, Name: n, Type: "classic", Durable: true,
			Arguments: topology.Arguments{"x-dead-letter-exchange": n, "x-dead-letter-routing-key": n}})
		add(&topology.Binding{VHost: "/", Source: n, Destination: n, DestinationType: topology.ToQueue, RoutingKey: n,
			Arguments: topology.Arguments{n: n}})
	}
	return graph.New(s, graph.Options{Problems: map[topology.Ref][]graph.Problem{(&topology.Exchange{VHost: "/",
		Name: hostile()[0]}).Ref(): {{Text: hostile()[4]}}},
		Events: []graph.EventSource{{VHost: "/", Name: hostile()[2], Exchange: hostile()[1], Key: hostile()[0]}}})
}

func draw(t *testing.T, write func(io.Writer, *graph.Graph) error, g *graph.Graph) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, g); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e\r") {
		t.Error("a terminal would obey something in it")
	}
	return b.String()
}

// TestSVGIsWellFormedAndHarmless parses the picture strictly and checks that no name has added an
// element or an attribute.
func TestSVGIsWellFormedAndHarmless(t *testing.T) {
	text := draw(t, picture.SVG, hostileGraph(t))
	elements(t, text)
	if n := strings.Count(text, `class="node `); n < 3*(len(hostile())-1) {
		t.Errorf("%d nodes", n)
	}
}

func elements(t *testing.T, text string) {
	t.Helper()
	known := " svg style defs marker path rect g text title circle "
	dec := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !strings.Contains(known, " "+e.Name.Local+" ") {
			t.Errorf("element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
				t.Errorf("attribute %s of %s", a.Name.Local, e.Name.Local)
			}
		}
	}
}

// TestPageRunsItsOwnScriptOnly checks that the page has one script, allowed by its hash, and loads
// nothing.
func TestPageRunsItsOwnScriptOnly(t *testing.T) {
	text := draw(t, picture.HTML, hostileGraph(t))
	if n := strings.Count(text, "<script"); n != 1 {
		t.Errorf("%d scripts", n)
	}
	if !strings.Contains(text, "default-src 'none'") || !strings.Contains(text, "script-src 'sha256-") ||
		strings.Contains(text, "<img") {
		t.Error("the page may do more than it needs")
	}
	start, end := strings.Index(text, "<svg"), strings.Index(text, "</svg>")
	elements(t, text[start:end+len("</svg>")])
}

// TestMermaidHasOneStatementPerLine checks that every line has a known form, so that no name has
// become a statement.
func TestMermaidHasOneStatementPerLine(t *testing.T) {
	inside := `"[^"\x60<>&\[\]{};#%]*(?:(?:#\d+;|<br/><small>|</small>)[^"\x60<>&\[\]{};#%]*)*"`
	form := regexp.MustCompile(`^(flowchart LR|  subgraph v\d+\[` + inside +
		`\]|  end|  classDef \w+ [\w:#,.-]+|  linkStyle [\d,]+ stroke:#c62828|` +
		` +n\d+(\[|\(\[|>)` + inside + `(\]|\]\)):::\w+|  n\d+ (-->|-\.->|==>)(\|` + inside + `\|)? n\d+)$`)
	for line := range strings.Lines(draw(t, picture.Mermaid, hostileGraph(t))) {
		if !form.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("%q", line)
		}
	}
}

// TestDOTHasOneStatementPerLine checks that every line has a known form, so that no name has become
// a statement.
func TestDOTHasOneStatementPerLine(t *testing.T) {
	inside := `"(?:[^"\\]|\\.)*"`
	form := regexp.MustCompile(`^(digraph ` + inside +
		` \{|\}|  \}|  rankdir.*|  (node|edge) \[.*\];|  subgraph cluster_\d+ \{|    label=` + inside +
		`;|  n\d+( -> n\d+)? \[(\w+=(` + inside + `|[\w.]+)(, )?)+\];)$`)
	for line := range strings.Lines(draw(t, picture.DOT, hostileGraph(t))) {
		if !form.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("%q", line)
		}
	}
}

func TestSamePictureForTheSameTopology(t *testing.T) {
	first := draw(t, picture.SVG, hostileGraph(t))
	if second := draw(t, picture.SVG, hostileGraph(t)); first != second {
		t.Error("two pictures of one topology differ")
	}
}

func TestDepthsAndRetrySteps(t *testing.T) {
	s := &topology.State{}
	for _, o := range []topology.Object{
		&topology.Queue{VHost: "/", Name: "work", Type: "quorum", Durable: true,
			Arguments: topology.Arguments{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work.wait"}},
		&topology.Queue{VHost: "/", Name: "work.wait", Type: "quorum", Durable: true,
			Arguments: topology.Arguments{"x-message-ttl": int64(90_000), "x-dead-letter-exchange": "",
				"x-dead-letter-routing-key": "work"}},
	} {
		if err := s.Add(o, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	g := graph.New(s, graph.Options{Status: map[topology.Ref]topology.QueueStatus{{Kind: topology.KindQueue, VHost: "/",
		Name: "work"}: {Messages: 1234, Consumers: 2, Known: true}}})
	text := draw(t, picture.SVG, g)
	for _, want := range []string{"quorum queue · 1,234 messages", `class="node queue wait"`, "back after 1m30s",
		"2 consumers"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

// BenchmarkSVG draws 300 queues of 20 teams with shared dead-letter and alternate exchanges.
func BenchmarkSVG(b *testing.B) {
	s := &topology.State{}
	add := func(o topology.Object) { _ = s.Add(o, diag.Position{}) }
	for team := range 20 {
		x := fmt.Sprintf("team%d", team)
		add(&topology.Exchange{VHost: "/", Name: x, Type: "topic", Durable: true,
			Arguments: topology.Arguments{"alternate-exchange": "rest"}})
		for i := range 15 {
			q := fmt.Sprintf("%s.q%d", x, i)
			add(&topology.Queue{VHost: "/", Name: q, Type: "quorum", Durable: true,
				Arguments: topology.Arguments{"x-dead-letter-exchange": "dlx", "x-dead-letter-routing-key": q}})
			add(&topology.Binding{VHost: "/", Source: fmt.Sprintf("team%d", (team+i/12)%20), Destination: q,
				DestinationType: topology.ToQueue, RoutingKey: q})
		}
	}
	g := graph.New(s, graph.Options{})
	for b.Loop() {
		if err := picture.SVG(io.Discard, g); err != nil {
			b.Fatal(err)
		}
	}
}
