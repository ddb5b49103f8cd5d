package spec

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/source"
)

func TestFieldsThatAreOftenGuessed(t *testing.T) {
	for text, fix := range map[string]string{
		"queues: { q: { bind: [] } }":                 "did you mean bindings?",
		"queues: { q: { retries: 3 } }":               "did you mean retry?",
		"users: { u: { permissions: { read: .* } } }": "permissions belong to a vhost, beside users",
	} {
		_, problems := Load([]source.Input{{Name: "t.yaml", Data: []byte(text)}}, Options{})
		if !strings.Contains(problems.Error(), fix) {
			t.Errorf("%s: %s", text, problems.Error())
		}
	}
}
