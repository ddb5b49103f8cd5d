package event_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/event"
)

func orders(t *testing.T) *event.Catalogue {
	t.Helper()
	return event.NewCatalogue([]event.Type{
		{Name: "order.created", Exchange: "orders.exchange", AggregateType: "Order", AggregateID: "/orderId",
			SchemaFile: "order.created.schema.json",
			Files:      exampleSchemas()},
		{Name: "anything", Exchange: "x"},
		{Name: "numbered", AggregateType: "N", AggregateID: "/n", Version: 3,
			Schema: json.RawMessage(`{"type":"object","properties":{"n":{"multipleOf":0.01}}}`)},
	})
}

const goodOrder = `{"orderId":"o","customerId":"c","items":[{"productId":"p","quantity":1,"price":2}],"totalAmount":2,"currency":"EUR",
  "shippingAddress":{"street":"s","city":"b","postalCode":"1","country":"DE"}}`

func TestEveryViolationIsToldWithItsPointer(t *testing.T) {
	c := orders(t)
	if v, err := c.Validate("order.created", []byte(goodOrder)); err != nil || len(v) > 0 {
		t.Fatal(v, err)
	}
	v, err := c.Validate("order.created", []byte(`{"orderId":"","items":[{"productId":"p","quantity":0.5,"price":2},{"productId":7}],"totalAmount":-1,
		"currency":"euro","shippingAddress":{"street":"s","city":"b","postalCode":"1","country":"DE","extra/1":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range v {
		got = append(got, x.Pointer+" "+x.Keyword)
	}
	want := []string{" required", "/currency pattern", "/items/0/quantity type", "/items/1 required", "/items/1 required",
		"/items/1/productId type",
		"/orderId minLength", "/shippingAddress/extra~11 additionalProperties", "/totalAmount minimum"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff, v)
	}
	if v[0].String() != `the payload: "customerId" is missing` {
		t.Error(v[0])
	}
	for _, text := range []string{"{", "", "\xff", strings.Repeat("[", 20000)} {
		if v, err := c.Validate("order.created", []byte(text)); err != nil || len(v) != 1 || v[0].Keyword != "json" {
			t.Errorf("%.20q: %v %v", text, v, err)
		}
	}
	for text, good := range map[string]bool{`{"n":19.99}`: true, `{"n":0.30}`: true, `{"n":19.999}`: false,
		`{"n":1e400}`: true} {
		if v, err := c.Validate("numbered", []byte(text)); err != nil || (len(v) == 0) != good {
			t.Errorf("%s: %v %v", text, v, err)
		}
	}
}

func TestNumbersThatNobodyCanComputeWith(t *testing.T) {
	c := orders(t)
	for _, text := range []string{`{"n":1e999999999}`, `{"n":-1e-999999999}`, `{"n":` + strings.Repeat("9", 2000) + `}`,
		`{"other":[{"deep":1e99999999}],"n":1}`} {
		if v, err := c.Validate("numbered", []byte(text)); err != nil || len(v) != 1 || v[0].Keyword != "number" {
			t.Errorf("%.30s: %v %v", text, v, err)
		}
	}
}

func TestManyViolationsAreBounded(t *testing.T) {
	v, err := orders(t).Validate("order.created", []byte(`{"items":[`+strings.TrimSuffix(strings.Repeat("1,", 5000),
		",")+`]}`))
	if err != nil || len(v) != 101 || !strings.Contains(v[100].Message, "more") {
		t.Error(len(v), err)
	}
}

func TestCheckOfAnEvent(t *testing.T) {
	c := orders(t)
	e := &event.Envelope{EventType: "order.created", Version: 2, Payload: json.RawMessage(`{}`)}
	v, err := c.Check(e)
	if err != nil || len(v) != 7 || v[0].Pointer != "/version" || v[1].Pointer != "/payload" {
		t.Error(v, err)
	}
	e.EventType = "order.craeted"
	_, err = c.Check(e)
	var unknown *event.UnknownTypeError
	if !errors.As(err, &unknown) || unknown.Nearest != "order.created" {
		t.Error(err)
	}
	if v, err := c.Check(&event.Envelope{EventType: "anything", Payload: json.RawMessage(`7`)}); err != nil || len(v) > 0 {
		t.Error(v, err)
	}
}

func TestCompleteTakesTheAggregateFromThePayload(t *testing.T) {
	c := orders(t)
	for _, x := range []struct{ name, payload, id, problem string }{
		{"order.created", goodOrder, "o", ""}, {"numbered", `{"n":7}`, "7", ""}, {"numbered", `{"n":null}`, "",
			"/n: the payload has no id"}, {"numbered", `{}`, "", "/n: "}, {"anything", `{}`, "", ""},
	} {
		typ, err := c.Type(x.name)
		if err != nil {
			t.Fatal(err)
		}
		e := &event.Envelope{Payload: json.RawMessage(x.payload)}
		err = typ.Complete(e)
		if e.AggregateID != x.id || e.EventType != x.name || (err == nil) != (x.problem == "") || err != nil &&
			!strings.Contains(err.Error(), x.problem) {
			t.Errorf("%s: %+v %v", x.name, e, err)
		}
	}
}

func TestSchemasAreReadInTheirFolderOnly(t *testing.T) {
	files := fstest.MapFS{
		"events/a.json":         {Data: []byte(`{"$ref":"../common/id.json#/$defs/id"}`)},
		"common/id.json":        {Data: []byte(`{"$defs":{"id":{"type":"string","minLength":2}}}`)},
		"events/up.json":        {Data: []byte(`{"$ref":"../../etc/passwd"}`)},
		"events/net.json":       {Data: []byte(`{"$ref":"http://example.com/x.json"}`)},
		"events/file.json":      {Data: []byte(`{"$ref":"file:///etc/passwd"}`)},
		"events/gone.json":      {Data: []byte(`{"$ref":"nowhere.json"}`)},
		"events/broken.json":    {Data: []byte(`{`)},
		"events/wrong.json":     {Data: []byte(`{"type":"strnig"}`)},
		"events/loop.json":      {Data: []byte(`{"properties":{"next":{"$ref":"#"}},"type":"object"}`)},
		"events/lookahead.json": {Data: []byte(`{"pattern":"(?=x)"}`)},
	}
	typ := func(file string) *event.Catalogue {
		return event.NewCatalogue([]event.Type{{Name: "x", SchemaFile: file, Files: files}})
	}
	if v, err := typ("events/a.json").Validate("x", []byte(`"x"`)); err != nil || len(v) != 1 ||
		v[0].Keyword != "minLength" {
		t.Error(v, err)
	}
	if v, err := typ("events/loop.json").Validate("x", []byte(`{"next":{"next":7}}`)); err != nil || len(v) != 1 ||
		v[0].Pointer != "/next/next" {
		t.Error(v, err)
	}
	for file, problem := range map[string]string{
		"events/up.json": "etc/passwd", "events/net.json": "never fetched", "events/file.json": "never fetched",
		"events/gone.json":   "read schema events/nowhere.json: file does not exist",
		"events/broken.json": "ends too early", "events/wrong.json": "events/wrong.json is no JSON Schema",
		"../x.json": "x.json", "events/lookahead.json": "pattern",
	} {
		_, err := typ(file).Validate("x", []byte(`1`))
		if err == nil || !strings.Contains(err.Error(), problem) || strings.Contains(err.Error(), "topology:") {
			t.Errorf("%s: %v, want %q", file, err, problem)
		}
		if typ(file).Compile()["x"] == nil {
			t.Errorf("%s compiles", file)
		}
	}
}

func TestLocate(t *testing.T) {
	text := []byte("{\n  \"a\": [1,\n    {\"b/c\": \"é\", \"d\": 2}]\n}")
	for pointer, want := range map[string][2]int{"": {1, 1}, "/a": {2, 8}, "/a/0": {2, 9}, "/a/1": {3, 5},
		"/a/1/b~1c": {3, 13}, "/a/1/d": {3, 23}, "/a/1/x": {3, 5}, "/x/y": {1, 1}, "nonsense": {1, 1}} {
		if line, column := event.Locate(text, pointer); [2]int{line, column} != want {
			t.Errorf("%s is at %d:%d, want %v", pointer, line, column, want)
		}
	}
}

func exampleSchemas() fs.FS { return os.DirFS(filepath.Join("..", "..", "examples", "events")) }

func TestSchemasThatReferToThemselves(t *testing.T) {
	for schema, payloads := range map[string]map[string]bool{
		`{"$ref":"#"}`:             {`1`: false},
		`{"allOf":[{"$ref":"#"}]}`: {`1`: false},
		`{"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false}`: {`{"next":{"next":{}}}`: true,
			`{"next":{"next":{"x":1}}}`: false},
	} {
		c := ofSchema(schema)
		for text, good := range payloads {
			if v, err := c.Validate("x", []byte(text)); err != nil || (len(v) == 0) != good {
				t.Errorf("%s of %s: %v %v", text, schema, v, err)
			}
		}
	}
}
