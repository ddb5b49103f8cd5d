package exporter_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/promtest"
)

// TestDocumentation: docs/monitoring.md has every metric with its labels, and none that is not
// served.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	name := regexp.MustCompile("`(msgctl_[a-z_]+)`")
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 && strings.HasPrefix(line, "| `msgctl_") {
			for _, m := range name.FindAllStringSubmatch(cells[1], -1) {
				documented[m[1]] = strings.TrimSpace(cells[2])
			}
		}
	}
	for name, names := range promtest.Labels(t, exporter.Collectors()...) {
		labels, ok := documented[name]
		if want := strings.Join(names, ", "); !ok || labels != want {
			t.Errorf("%s has the labels %q, and is documented (%v) with %q", name, want, ok, labels)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("nobody serves %s", name)
	}
}
