package management

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// FuzzExplain explains any reason.
func FuzzExplain(f *testing.F) {
	for _, seed := range []string{"", "inequivalent arg 'a' for ", "&lt;&lt;", "406",
		"Validation failed\n\n[{<<\"a\">>,1}]"} {
		f.Add(seed)
	}
	c, err := New(Options{URL: "http://localhost:15672", Timeout: time.Second})
	if err != nil {
		f.Fatal(err)
	}
	queue := &topology.Queue{VHost: "v", Name: "q", Type: topology.Quorum, Arguments: topology.Arguments{"x": "y"}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, o := range []refusal.Operation{{Object: queue, User: "u"}, {User: "u"}} {
			err := c.Explain(t.Context(), o, &Refusal{status: 400, reason: text, json: true})
			if strings.TrimSpace(err.Error()) == "" || utf8.ValidString(text) && !utf8.ValidString(err.Error()) {
				t.Errorf("%q is explained as %q", text, err)
			}
		}
	})
}
