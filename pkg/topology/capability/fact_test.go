package capability_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/capability"
)

const root = "../../.."

// TestFactsNameTheirTests: a fact that claims a test has it.
func TestFactsNameTheirTests(t *testing.T) {
	last := ""
	for _, f := range capability.Facts() {
		if f.ID <= last || f.Text == "" {
			t.Errorf("%s: facts are sorted, each with a text", f.ID)
		}
		last = f.ID
		for _, v := range f.Seen {
			if !slices.Contains(capability.Versions(), v) {
				t.Errorf("%s: seen on %s, which is no version of the table", f.ID, v)
			}
		}
		if f.Test == "" {
			continue
		}
		dir, name, _ := strings.Cut(f.Test, ".")
		files, _ := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
		found := slices.ContainsFunc(files, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && bytes.Contains(text, []byte("func "+name+"("))
		})
		if !found {
			t.Errorf("%s: there is no test %s", f.ID, f.Test)
		}
	}
}

// TestCommentsReferToFacts: what comments call a fact stands in the table.
func TestCommentsReferToFacts(t *testing.T) {
	ids := map[string]bool{}
	for _, f := range capability.Facts() {
		ids[f.ID] = true
	}
	reference := regexp.MustCompile(`\(facts?\s+((?:[a-z0-9-]+|//|,|\s)+)[;)]`)
	name := regexp.MustCompile(`[a-z0-9-]+`)
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range reference.FindAllSubmatch(text, -1) {
			for _, id := range name.FindAllString(string(m[1]), -1) {
				if !ids[id] {
					t.Errorf("%s refers to the fact %s, which is not in the table", path, id)
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFactsPage: docs/broker-facts.md shows the table as it is.
func TestFactsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "broker-facts.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range capability.Facts() {
		seen := "all"
		if f.Seen != nil {
			seen = strings.Join(f.Seen, ", ")
		}
		if row := fmt.Sprintf("| %s | %s | %s |\n", f.ID, f.Text, seen); !bytes.Contains(page, []byte(row)) {
			t.Errorf("the page lacks: %s", row)
		}
	}
}
