package render

import (
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// ObjectCounts returns the number of objects of a state by kind: "3 exchanges, 4 queues, 5
// bindings".
func ObjectCounts(s *topology.State) string {
	counts := map[topology.Kind]int64{}
	for _, o := range s.Objects() {
		counts[o.Ref().Kind]++
	}
	var words []string
	for _, kind := range topology.Kinds() {
		if n := counts[kind]; n > 0 {
			words = append(words, terminal.FormatPlural(n, string(kind), KindPlural(kind)))
		}
	}
	if len(words) == 0 {
		return "no objects"
	}
	return strings.Join(words, ", ")
}

// KindPlural returns the plural of a kind: "queues", "policies".
func KindPlural(k topology.Kind) string {
	if stem, ok := strings.CutSuffix(string(k), "policy"); ok {
		return stem + "policies"
	}
	return string(k) + "s"
}
