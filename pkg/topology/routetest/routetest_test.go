package routetest_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/routetest"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// suite reads a topology with tests from the file called name. changes are pairs of old and new
// text to replace in it.
func suite(t testing.TB, name, version string, changes ...string) *routetest.Suite {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(changes...).Replace(string(text))
	declared, state, problems := spec.Read([]source.Input{{Name: name, Data: []byte(changed)}}, spec.Options{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	return routetest.NewSuite(declared, state, version)
}

func TestAllTestsOfTheFilePassInTheSimulator(t *testing.T) {
	for _, version := range []string{"3.10", "4.0", "4.3"} {
		s := suite(t, "testdata/all.yaml", version)
		for _, c := range s.Cases {
			if r := s.Run(c); !r.Passed() {
				t.Errorf("%s: %s: %+v, happened %v", version, c.Name, r.Failures, r.Happened)
			}
		}
	}
}

func TestFailuresSayWhereTheWaysPart(t *testing.T) {
	s := suite(t, "testdata/failing.yaml", "")
	want := map[string][]string{
		"the key is not bound":   {`queue work does not get the message / work is bound to in with "order.created"; the message has the key "order.paid"`, `queue paid gets the message, too / binding order.paid on in`},
		"it is there":            {`queue work gets the message / binding order.created on in`},
		"not lost":               {`the message is not lost: it is in work / `},
		"lost":                   {`the message is lost / at dlx: no binding takes the key "gone"`},
		"not in that queue":      {`the message is not in queue "paid", it is in work / paid is bound to in with "order.paid"; the message has the key "order.created"`},
		"no dead letters":        {`queue dead does not get the message / rejected in paid: the queue has no dead-letter exchange`},
		"nothing leads there":    {`queue dead does not get the message / nothing leads there from in`},
		"internal":               {`the broker refuses the message: exchange "inner" is internal: the broker refuses publications (403 ACCESS_REFUSED) / `},
		"contains is not enough": {`queue paid does not get the message / paid is bound to in with "order.paid"; the message has the key "order.created"`},
	}
	for _, c := range s.Cases {
		r := s.Run(c)
		var got []string
		for _, f := range r.Failures {
			got = append(got, f.Message+" / "+f.Hop)
			if f.Position.Line == 0 {
				t.Errorf("%s: no line for %q", c.Name, f.Message)
			}
		}
		if !slices.Equal(got, want[c.Name]) {
			t.Errorf("%s: got %q", c.Name, got)
		}
	}
	if len(s.Cases) != len(want) {
		t.Errorf("%d tests, want %d", len(s.Cases), len(want))
	}
}

func TestCoverageNamesWhatNoTestExercises(t *testing.T) {
	s := suite(t, "testdata/all.yaml", "")
	var results []routetest.Result
	for _, c := range s.Cases {
		results = append(results, s.Run(c))
	}
	c := s.Coverage(results)
	if c.Bindings.Covered != c.Bindings.Total || c.Bindings.Total != 15 {
		t.Errorf("bindings: %+v", c.Bindings)
	}
	if len(c.Events.Missing) != 1 || !strings.Contains(c.Events.Missing[0].What, "order.paid") ||
		c.Events.Missing[0].Position.Line == 0 {
		t.Errorf("events: %+v", c.Events)
	}
	c = s.Coverage(results[:1])
	if c.Bindings.Covered != 1 || c.DeadLetters.Covered != 0 || c.DeadLetters.Total != 10 {
		t.Errorf("after one test: %d bindings, %d of %d dead-letter paths", c.Bindings.Covered, c.DeadLetters.Covered,
			c.DeadLetters.Total)
	}
}
