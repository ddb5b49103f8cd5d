package checks_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/msgctl/msgctl/internal/render/checks"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// TestSARIFIsValid validates the output with the schema of SARIF 2.1.0. OASIS publishes the schema
// under its own terms (repository oasis-tcs/sarif-spec, sarif-2.1/schema/sarif-schema-2.1.0.json),
// so it is not included here: MSGCTL_TEST_SARIF_SCHEMA names the file.
func TestSARIFIsValid(t *testing.T) {
	name := os.Getenv("MSGCTL_TEST_SARIF_SCHEMA")
	if name == "" {
		t.Skip("MSGCTL_TEST_SARIF_SCHEMA names no schema of SARIF 2.1.0")
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []lint.Finding
	for i, r := range lint.Rules() {
		list = append(list, lint.Finding{Rule: r.ID, Severity: r.Severity,
			Position: diag.Position{File: "a dir/t.yaml", Line: i + 1, Column: i % 2}, Object: `queue "a"`, Message: r.Title})
	}
	list = append(list,
		lint.Finding{Rule: "drift", Severity: lint.Error, Message: "without a place"},
		lint.Finding{Rule: "drift", Severity: lint.Note, Message: "of a file",
			Position: diag.Position{File: "/abs/ü:b.json"},
			Pointer:  "/queues/0"},
		lint.Finding{Rule: "drift", Severity: lint.Warning, Message: "passed",
			Position: diag.Position{File: "C:t.yaml", Line: 1, Column: 2}, Ignored: "why"},
	)
	for _, version := range []string{"", "dev", "1.2.3"} {
		for _, findings := range [][]lint.Finding{nil, list} {
			var out bytes.Buffer
			if err := checks.LintSARIF(&out, checks.NewLintDocument(findings, "4.3", 3), version); err != nil {
				t.Fatal(err)
			}
			doc, err := jsonschema.UnmarshalJSON(&out)
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(doc); err != nil {
				t.Errorf("version %q, %d findings: %v", version, len(findings), err)
			}
			doc.(map[string]any)["version"] = "2.0.0" // the schema must refuse this
			if schema.Validate(doc) == nil {
				t.Error("the schema accepts anything")
			}
		}
	}
}

// TestSARIFSuppressions checks the kinds of suppressions: "inSource" for a comment, "external" for
// the configuration.
func TestSARIFSuppressions(t *testing.T) {
	for want, byConfig := range map[string]bool{`"kind": "inSource"`: false, `"kind": "external"`: true} {
		var out bytes.Buffer
		list := []lint.Finding{{Rule: "drift", Severity: lint.Warning, Message: "passed", Ignored: "why", ByConfig: byConfig}}
		if err := checks.LintSARIF(&out, checks.NewLintDocument(list, "4.3", 1), "dev"); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(out.Bytes(), []byte(want)) {
			t.Errorf("by configuration %v: no %s in\n%s", byConfig, want, out.Bytes())
		}
	}
}
