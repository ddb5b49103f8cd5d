package source_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

func TestPointers(t *testing.T) {
	docs, problems := source.Parse("t.json", []byte("{\"a/b~c\": [1, {\"d\": 2}],\n \"e\": null}"))
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	got := slices.Sorted(maps.Values(docs[0].Pointers(nil)))
	if want := []string{"", "/a~1b~0c", "/a~1b~0c", "/a~1b~0c/0", "/a~1b~0c/1", "/a~1b~0c/1/d", "/a~1b~0c/1/d", "/e",
		"/e"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	at := diag.Position{File: "t.json", Line: 2, Column: 2}
	if got := docs[0].Pointers(map[diag.Position]bool{at: true}); len(got) != 1 || got[at] != "/e" {
		t.Errorf("got %q", got)
	}
}
