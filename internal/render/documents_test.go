package render_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/checks"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/internal/render/messages"
	"github.com/msgctl/msgctl/internal/render/migrations"
	"github.com/msgctl/msgctl/internal/render/plans"
	"github.com/msgctl/msgctl/internal/render/status"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestDocumentsKeepTheirForm compares each JSON document, with every field set, with its golden
// file. The documents are versioned APIs: fields may be added, but none may change or be removed.
func TestDocumentsKeepTheirForm(t *testing.T) {
	for name, document := range map[string]any{
		"plan": &plans.PlanDocument{}, "apply": &plans.ApplyDocument{},
		"dlq-ls": &deadletters.ListDocument{}, "dlq-groups": &deadletters.GroupsDocument{},
		"dlq-messages": &messages.ListDocument{}, "dlq-run": &deadletters.RunDocument{},
		"events": &events.ListDocument{}, "published": &events.PublishedDocument{},
		"publish-dry-run": &events.DryRunDocument{}, "publish-bulk": &events.BulkDocument{},
		"publish-dry-run-file": &events.DryRunFileDocument{},
		"tail-correlation":     &events.CausationDocument{},
		"lint":                 &checks.LintDocument{}, "test": &checks.TestReport{}, "route": &checks.RouteDocument{},
		"queue-plan": &migrations.PlanDocument{}, "queue-outcome": &migrations.OutcomeDocument{},
		"queue-jobs": &migrations.JobsDocument{},
		"status":     &status.StatusDocument{}, "doctor": &status.DoctorDocument{},
	} {
		fill(reflect.ValueOf(document).Elem(), "", 0)
		var got bytes.Buffer
		if err := render.JSON(&got, document); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		compare(t, name+".json", got.Bytes())
	}
}

// compare compares a text with a golden file.
func compare(t *testing.T, file string, got []byte) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: %s", file, diff)
	}
}

// TestTailLinesKeepTheirForm compares the lines of tail -o ndjson with a golden file.
func TestTailLinesKeepTheirForm(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	full := events.TailMessage{
		Item: tail.Item{At: at, Dropped: 3, Gap: true, Message: message.Message{
			Exchange: "x", RoutingKey: "k\x1b<&>", Queue: "q", Redelivered: true,
			Headers: message.Table{"n": int32(1), "list": []any{true, nil, 1.5, []byte("b\xff")}, "x-stream-offset": int64(7),
				"at": at, "t": message.Table{"d": message.Decimal{Scale: 1, Value: 15}, "nan": math.NaN(), "big": 1e21}},
			Body: []byte("{ \"b\" : 1.50, \"a\": \"<\u009b>\u007f\" }\n"),
			Properties: message.Properties{ContentType: "application/json", ContentEncoding: "", DeliveryMode: 2,
				Priority: 3, CorrelationID: "c", ReplyTo: "r", Expiration: "1000", MessageID: "m", Timestamp: at, Type: "t",
				UserID: "u", AppID: "a"},
		}},
		Event: &event.Envelope{EventID: "id", EventType: "order.created", AggregateType: "Order", AggregateID: "o\xff1",
			Version: 2, Timestamp: at, Metadata: event.Metadata{CorrelationID: "c1", CausationID: "c0"}},
		Format: event.FormatEnvelope, Validity: events.Invalid,
		Problems: []event.Violation{{Pointer: "/a", Keyword: "type", Message: "want \"x\""}, {Pointer: "/b"}},
		Trace:    &tail.Trace{User: "guest", Connection: "c <1>", Node: "n", Routed: []string{"q1", "q2"}},
	}
	delivered, text, binary := full, full, full
	delivered.Trace = &tail.Trace{Delivered: true, User: "guest", Queue: "q"}
	text.Item.Message.Body, text.Event, text.Problems, text.Trace = []byte("plain <text>\x1b\n\tü"), nil, nil, nil
	binary.Item.Message.Body = []byte{0xff, 0}
	var out bytes.Buffer
	for _, s := range []events.TailMessage{full, delivered, text, binary, {Item: tail.Item{At: at}}} {
		out.Write(append(s.Append(nil), '\n'))
	}
	compare(t, "tail.ndjson", out.Bytes())
}

// deepest is the maximum depth of values that contain values of their own type.
const deepest = 8

// fill sets every exported field to a value that differs from the zero value: numbers are the
// depth, texts are the JSON name of the field.
func fill(v reflect.Value, name string, depth int) {
	if depth > deepest || !v.CanSet() {
		return
	}
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 31, 12, 0, depth, 0, time.UTC)))
		return
	case json.RawMessage:
		v.SetBytes([]byte(`{"a":1.50}`))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(name)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16, reflect.Int8:
		v.SetInt(int64(depth + 1))
	case reflect.Uint, reflect.Uint64, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		v.SetUint(uint64(depth + 1))
	case reflect.Float64, reflect.Float32:
		v.SetFloat(float64(depth) + 0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name, depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), name, depth+1)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, name+"-key", depth+1)
		fill(value, name, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Interface:
		if v.NumMethod() == 0 {
			v.Set(reflect.ValueOf("any " + name))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			fill(v.Field(i), cmp.Or(tag, field.Name), depth+1)
		}
	default:
	}
}
