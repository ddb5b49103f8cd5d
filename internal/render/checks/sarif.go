package checks

import (
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// Where the rules are documented.
const (
	projectURI = "https://github.com/msgctl/msgctl"
	rulesURI   = projectURI + "/blob/main/docs/lint.md#"
)

// The parts of SARIF 2.1.0 (OASIS) that code scanning services read.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name            string      `json:"name"`
		SemanticVersion string      `json:"semanticVersion,omitempty"`
		InformationURI  string      `json:"informationUri"`
		Rules           []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string        `json:"id"`
		ShortDescription sarifText     `json:"shortDescription"`
		FullDescription  sarifText     `json:"fullDescription"`
		Help             sarifText     `json:"help"`
		HelpURI          string        `json:"helpUri"`
		Default          sarifSeverity `json:"defaultConfiguration"`
	}
	sarifSeverity struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	sarifLogical struct {
		Name string `json:"name,omitempty"`
		Full string `json:"fullyQualifiedName,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification,omitempty"`
	}
)

// LintSARIF writes findings as SARIF 2.1.0. version is the version of msgctl.
func LintSARIF(w io.Writer, doc LintDocument, version string) error {
	rules := lint.Rules()
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "msgctl", InformationURI: projectURI}
	if version != "" && version[0] >= '0' && version[0] <= '9' {
		run.Tool.Driver.SemanticVersion = version
	}
	index := map[string]int{}
	for i, r := range rules {
		index[r.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: r.ID, ShortDescription: sarifText{r.Title}, FullDescription: sarifText{r.Consequence}, Help: sarifText{r.Fix},
			HelpURI: rulesURI + r.ID,
			Default: sarifSeverity{string(r.Severity)},
		})
	}
	for _, f := range doc.Findings {
		run.Results = append(run.Results, sarifFinding(f, index[f.Rule]))
	}
	return render.JSON(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{run}})
}

func sarifFinding(f lint.Finding, rule int) sarifResult {
	r := sarifResult{RuleID: f.Rule, RuleIndex: rule, Level: string(f.Severity), Message: sarifText{findingLine(f)}}
	var at sarifLocation
	if f.Position.File != "" {
		at.Physical = &sarifPhysical{Artifact: sarifArtifact{fileURI(f.Position.File)}}
		if f.Position.Line > 0 {
			at.Physical.Region = &sarifRegion{StartLine: f.Position.Line, StartColumn: f.Position.Column}
		}
	}
	if f.Object != "" || f.Pointer != "" {
		at.Logical = []sarifLogical{{Name: terminal.Neutralise(f.Object), Full: terminal.Neutralise(f.Pointer)}}
	}
	if at.Physical != nil || at.Logical != nil {
		r.Locations = []sarifLocation{at}
	}
	if f.Ignored != "" {
		kind := "inSource"
		if f.ByConfig {
			kind = "external"
		}
		r.Suppressions = []sarifSuppression{{Kind: kind, Justification: terminal.Neutralise(f.Ignored)}}
	}
	return r
}

// findingLine returns a finding as one paragraph.
func findingLine(f lint.Finding) string {
	text := f.Message
	if f.Object != "" {
		text = f.Object + ": " + text
	}
	for _, more := range []string{f.Why, f.Fix} {
		if more != "" {
			text = strings.TrimRight(text, ".") + ". " + upperFirst(more)
		}
	}
	return terminal.Neutralise(text)
}

func upperFirst(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

// fileURI returns a relative reference, as code scanning services expect, or a file: URI for an
// absolute path.
func fileURI(name string) string {
	u := url.URL{Path: filepath.ToSlash(name)}
	if filepath.IsAbs(name) {
		u.Scheme = "file"
	}
	return u.String()
}
