package topology_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

func TestOwnershipSurvivesEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := topology.Ownership{Name: "t", Refs: map[topology.Ref]bool{}}
		for ref := range topologytest.States("t").Draw(t, "state").All() {
			ref.Name += rapid.String().Draw(t, "name")
			o.Refs[ref] = true
		}
		text, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := topology.DecodeOwnership("t", text)
		if err != nil || !back.Equal(o) {
			t.Fatalf("%v: %s", err, text)
		}
		again, _ := back.Encode()
		if string(again) != string(text) {
			t.Fatalf("two encodings of one record:\n%s\n%s", text, again)
		}
	})
}

func TestOwnershipText(t *testing.T) {
	m := topologytest.BrokerWith().Owns("t", topologytest.Queue("q"), topologytest.Queue("a"),
		topologytest.Bind("amq.topic", "q", "k"), &topology.VHost{Name: "v"},
		&topology.Parameter{VHost: "v", Component: "shovel", Name: "s"})
	text, err := m.Records["t"].Encode()
	const want = `{"version":1,"vhosts":{"":{"vhost":["v"]},"/":{"binding":[["q","amq.topic","queue","k"]],"queue":["a","q"]},"v":{"parameter":[["s","shovel"]]}}}`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}

func TestOwnershipThatThisVersionCannotRead(t *testing.T) {
	for text, reason := range map[string]string{
		`{"version":2,"vhosts":{}}`:                        "a newer msgctl wrote it (format 2; this one knows 1)",
		`{"version":1,"vhosts":{"/":{"quorum queue":[]}}}`: "a kind that this msgctl does not know",
		`{"version":1,"vhosts":[]}`:                        "it is damaged",
		`{"version":1,"vhosts":{"/":{"queue":[1]}}}`:       "it is damaged",
		`{"version":1,"vhosts":{"/":{"queue":["a",[]]}}}`:  "it is damaged",
		`"x"`: "no ownership record",
		`{}`:  "no ownership record",
		``:    "no ownership record",
	} {
		o, err := topology.DecodeOwnership("orders", []byte(text))
		if err == nil || o.Broken == "" || len(o.Refs) > 0 || !strings.Contains(err.Error(), reason) ||
			!strings.Contains(err.Error(), `"msgctl.orders"`) {
			t.Errorf("%s: %v, %+v", text, err, o)
		}
	}
}

func FuzzDecodeOwnership(f *testing.F) {
	f.Add([]byte(`{"version":1,"vhosts":{"":{"vhost":["v"]},"/":{"binding":[["q","amq.topic","queue","k","{\"a\":1}"]],"queue":["a","q"]}}}`))
	f.Add([]byte(`{"version":1,"vhosts":{"/":{"queue":[["a","b","c","d","e","f"],null,[]]}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := topology.DecodeOwnership("t", text)
		if (err == nil) != (o.Broken == "") {
			t.Fatalf("%v, but broken is %q", err, o.Broken)
		}
		if err != nil {
			return
		}
		again, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := topology.DecodeOwnership("t", again); err != nil || !back.Equal(o) {
			t.Fatalf("%v: %s became %s", err, text, again)
		}
	})
}
