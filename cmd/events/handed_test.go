package events

import (
	"os"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/terminal"
)

const catalogue = `version: 1
exchanges: { x: { type: topic } }
queues: { work: { bindings: [{ exchange: x, key: done }] } }
events:
  done:
    exchange: x
    schema: { type: object, required: [n], properties: { n: { type: integer } } }
    examples: [{ n: 7 }]
`

// TestCommandsDecide: what each command of the group does with its flags, without a broker.
func TestCommandsDecide(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"topology.yaml": catalogue,
		"other.yaml":    strings.ReplaceAll(catalogue, "done", "gone"),
		"stricter.yaml": strings.Replace(catalogue, "required: [n]", "required: [n, m]", 1),
		"broken.yaml":   strings.Replace(catalogue, "type: object", "type: objekt", 1),
		"pretty.json":   "\n{\n  \"n\": \"one\"\n}\n",
		"good.ndjson":   `{"n": 1}`, "bad.ndjson": `{"n": "one"}`,
		"a.schema.json": `{"type": "object"}`, "b.schema.json": `{"type": "array"}`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// What a command answers goes to stdout, and what keeps it from answering to stderr.
	for _, c := range []struct {
		args, stdin string
		code        int
		has, not    string
	}{
		{"ls", "", 0, "work", "gone"},
		{"ls -f other.yaml -o json", "", 0, `"gone"`, `"done"`},
		{"ls -f none.yaml", "", cmdutil.ExitUsage, "none.yaml", "work"},
		{"show done", "", 0, "work", "\x00"},
		{"show gone -f other.yaml -o json", "", 0, `"format_version"`, "done"},
		{"show dona", "", cmdutil.ExitUsage, "done", "work"},
		{"ls -f broken.yaml -o json", "", 0, `"problem"`, "\x00"},
		{"show done -f broken.yaml -o json", "", 0, `"problem"`, "\x00"},
		{"show done -o json", "", 0, `"n": 7`, `"problem"`},
		{"validate --type done pretty.json", "", cmdutil.ExitFailed, "pretty.json:3", "is valid"},
		{"sample done", "", 0, `"n": 7`, "\x00"},
		{"sample done --generate", "", 0, `"n"`, `"n": 7`},
		{"sample gone -f other.yaml", "", 0, `"n": 7`, "\x00"},
		{"sample gone", "", cmdutil.ExitUsage, "gone", `"n"`},
		{"validate --type done good.ndjson", "", 0, "1 event is valid", "not"},
		{"validate --type done bad.ndjson", "", cmdutil.ExitFailed, "/n", "is valid"},
		{"validate --type done -o json -", `{"n": 1}`, 0, `"valid": 1`, "\x00"},
		{"validate good.ndjson", "", cmdutil.ExitFailed, "--type", "is valid"},
		{"validate --type gone good.ndjson", "", cmdutil.ExitUsage, "gone", "is valid"},
		{"diff topology.yaml topology.yaml", "", 0, "No event changed", "breaking"},
		{"diff topology.yaml stricter.yaml", "", cmdutil.ExitPending, "1 breaking", "\x00"},
		{"diff stricter.yaml topology.yaml -o json", "", cmdutil.ExitPending, `"breaking": true`, "\x00"},
		{"diff topology.yaml other.yaml -o markdown", "", cmdutil.ExitPending, "|", "\x00"},
		{"diff a.schema.json b.schema.json", "", cmdutil.ExitPending, "type", "\x00"},
		{"diff a.schema.json none.schema.json", "", cmdutil.ExitUsage, "none", "\x00"},
		{"diff topology.yaml", "", cmdutil.ExitUsage, "NEW", "\x00"},
	} {
		var stdout, stderr strings.Builder
		p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(c.stdin), &stdout, &stderr, nil),
			Env: func(string) (string, bool) { return "", false }, Colour: terminal.ColourNever}
		cmd := NewCmd(p)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(strings.Fields(c.args))
		code := p.Report(t.Context(), cmd.ExecuteContext(t.Context()))
		answers := stdout.String() + stderr.String()
		if code == 0 || code == cmdutil.ExitPending {
			answers = stdout.String()
		}
		if code != c.code || !strings.Contains(answers, c.has) || strings.Contains(stdout.String(), c.not) {
			t.Errorf("%s: exit code %d, want %d\n%s%s", c.args, code, c.code, stdout.String(), stderr.String())
		}
	}
}
