package spec

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// maxSuggestions bounds the search for what was meant: each takes a look at every name, and a file
// can be wrong in thousands of places.
const maxSuggestions = 50

// known reports whether an exchange or queue is declared, external, or there from the start.
// Everything is, when parts of the file could not be read: what they declare is not known.
func (r *resolver) known(ref topology.Ref) bool {
	predeclared := ref.Kind == topology.KindExchange &&
		(capability.IsPredeclared(ref.Name) || capability.IsBrokerDeclared(ref.Name))
	return r.lost || predeclared || r.state.Has(ref) || r.external[ref]
}

// wayOut says what to do about a reference to what nobody declares.
func (r *resolver) wayOut(ref topology.Ref, definitions bool) string {
	if best := r.similar(ref); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	if definitions {
		return "declare it in the file"
	}
	return fmt.Sprintf("declare it, or, when somebody else does, write external: { %ss: [%q] }", ref.Kind, ref.Name)
}

// similar returns the name of the declared object that was probably meant, or "".
func (r *resolver) similar(ref topology.Ref) string {
	if r.suggested++; r.suggested > maxSuggestions {
		return ""
	}
	var names []string
	for other := range r.places {
		if other.Kind == ref.Kind && other.VHost == ref.VHost {
			names = append(names, other.Name)
		}
	}
	slices.Sort(names)
	return suggest.Nearest(ref.Name, names)
}
