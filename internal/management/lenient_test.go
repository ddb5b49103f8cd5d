package management

import (
	"fmt"
	"strings"
	"testing"
)

// What an import may have given to a broker is read as what its author meant, and what says nothing
// as nothing.
func TestOddValues(t *testing.T) {
	for _, text := range []string{
		`{"name":"x","type":"direct","durable":"true","auto_delete":"undefined","internal":"false","arguments":[]}`,
		`{"name":"x","type":"direct","durable":1,"auto_delete":0,"internal":null,"arguments":"undefined"}`,
		`{"name":"x","type":"direct","durable":"TRUE","auto_delete":"","internal":[],"arguments":{}}`,
	} {
		var x exchangeJSON
		if err := decode([]byte(text), &x); err != nil || x.Name != "x" || x.Type != "direct" || !x.Durable ||
			x.AutoDelete || x.Internal || len(x.Arguments) > 0 {
			t.Errorf("%s: %+v, %v", text, x, err)
		}
	}
	for text, want := range map[string]int64{`5.5`: 5, `"7"`: 7, `1e3`: 1000, `"undefined"`: 0, `null`: 0, `[]`: 0, `"6.9"`: 6} {
		var p policyJSON
		err := decode([]byte(`{"name":"p","priority":`+text+`,"definition":{"max-length":10}}`), &p)
		if err != nil || p.Priority != want || len(p.Definition) != 1 {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
	var q struct {
		queueJSON
		Members []string `json:"members"`
	}
	const odd = `{"name":7,"exclusive":"undefined","messages":"3","members":["a",null,%s],"arguments":{"x":1}}`
	err := decode(fmt.Appendf(nil, odd, "{}"), &q)
	if err == nil || !strings.Contains(err.Error(), "the field members") {
		t.Errorf("an object for a text: %v", err)
	}
	err = decode(fmt.Appendf(nil, odd, "8"), &q)
	if err != nil || q.Name != "7" || q.Exclusive != nil || q.Messages == nil || *q.Messages != 3 || len(q.Members) != 2 {
		t.Errorf("%+v, %v", q, err)
	}
	var l limitsJSON
	err = decode([]byte(`{"user":"u","value":{"max-connections":"5","max-channels":"undefined","max-queues":7.0}}`), &l)
	if err != nil || l.User != "u" || len(l.Value) != 2 || l.Value["max-connections"] != 5 || l.Value["max-queues"] != 7 {
		t.Errorf("%+v, %v", l, err)
	}
	err = decode([]byte(`{"name":"orders","durable":{"a":1}}`), new(exchangeJSON))
	if err == nil || err.Error() != `the field durable of "orders" is an object, which no known RabbitMQ sends` {
		t.Errorf("%v", err)
	}
}
