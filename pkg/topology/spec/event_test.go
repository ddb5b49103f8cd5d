package spec_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

func TestKeyAndFormatOfEventsAreChecked(t *testing.T) {
	text := "exchanges: { x: { type: topic } }\nevents:\n  a: { exchange: x, key: 'a.{payload.b', format: xml }\n  b: " +
		"{ exchange: x, key: 'a.{payload.b}.{version}', format: cloudevents }\n"
	_, _, problems := spec.Read([]source.Input{{Name: "t.yaml", Data: []byte(text)}}, spec.Options{})
	if len(problems) != 2 {
		t.Fatal(problems)
	}
	for i, want := range []string{`t.yaml:3:26: event "a": key: byte 3: { without }`,
		`t.yaml:3:50: event "a": format: there is no format "xml"; write envelope, cloudevents or cloudevents-structured`} {
		if !strings.HasPrefix(problems[i].Error(), want) {
			t.Errorf("%v, want %s", problems[i], want)
		}
	}
}
