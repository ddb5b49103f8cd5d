package capability_test

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
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
	eachGoFile(t, func(path string, text []byte) {
		for _, m := range reference.FindAllSubmatch(text, -1) {
			for _, id := range name.FindAllString(string(m[1]), -1) {
				if !ids[id] {
					t.Errorf("%s refers to the fact %s, which is not in the table", path, id)
				}
			}
		}
	})
}

// TestCommentsNameNoVersions: what depends on the version of the broker stands in the tables of
// this package, and comments elsewhere refer to it. A version in quotes is an example of a value.
// The comments of the types of a topology file are for users: its JSON Schema has them as
// descriptions.
func TestCommentsNameNoVersions(t *testing.T) {
	quoted := regexp.MustCompile(`"[^"]*"`)
	version := regexp.MustCompile(`(?:^|[^\w.-])([34]\.(?:x|[0-9]{1,2})(?:\.[0-9]{1,2})?)(?:$|[^\w.]|\.(?:\s|$))`)
	topology := filepath.Join(root, "pkg", "topology") + "/"
	checked := 0
	eachGoFile(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, topology+"capability/") ||
			strings.HasPrefix(path, topology+"spec/types") {
			return
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		for _, group := range file.Comments {
			for _, c := range group.List {
				checked++
				if m := version.FindStringSubmatch(quoted.ReplaceAllString(c.Text, "")); m != nil {
					t.Errorf("%s names version %s: write (fact ID) and add the fact to the table", files.Position(c.Pos()), m[1])
				}
			}
		}
	})
	if checked == 0 {
		t.Error("no comments were found")
	}
}

// eachGoFile calls do with each Go file of the repository.
func eachGoFile(t *testing.T, do func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil {
			do(path, text)
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
