package document_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/document"
)

func line(t testing.TB, m *message.Message) string {
	t.Helper()
	text, err := jsonline.Append(nil, document.Of(m))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDocuments(t *testing.T) {
	offset := message.Table{"x-stream-offset": int64(7), "n": int32(1), "list": []any{true, nil, 1.5},
		"t": message.Table{"a": []byte("b")},
		"d": message.Decimal{Scale: 1, Value: 15}, "at": time.Unix(0, 0), "bad": "\xff\x1b[2J"}
	for _, c := range []struct {
		m    message.Message
		want string
	}{
		{message.Message{}, `{"exchange":"","routingKey":"","size":0}`},
		{
			message.Message{Exchange: "x", RoutingKey: "k", Queue: "q", Redelivered: true,
				Body: []byte("{ \"a\" : 1.50, \"s\": \"\u009b \\\" x\" }\n"),
				Properties: message.Properties{ContentType: "application/json", Priority: 3, DeliveryMode: 2,
					Timestamp: time.Unix(1, 0)}},
			`{"exchange":"x","routingKey":"k","queue":"q","redelivered":true,"properties":{"contentType":"application/json","deliveryMode":2,"priority":3,"timestamp":"1970-01-01T00:00:01Z"},"size":31,"body":{"a":1.50,"s":"\u009b \" x"}}`,
		},
		{
			message.Message{Headers: offset, Body: []byte("\x1b[2J text")},
			`{"exchange":"","routingKey":"","offset":7,"headers":{"at":"1970-01-01T00:00:00Z","bad":"\ufffd\u001b[2J","d":1.5,"list":[true,null,1.5],"n":1,"t":{"a":"b"},"x-stream-offset":7},"size":9,"body":"\u001b[2J text"}`,
		},
		{
			message.Message{Properties: message.Properties{Timestamp: time.Unix(1700000000123, 0)},
				Headers: message.Table{"never": time.Unix(-99999999999999, 0)}},
			`{"exchange":"","routingKey":"","properties":{"timestamp":"2023-11-14T22:13:20.123Z"},` +
				`"headers":{"never":null},"size":0}`,
		},
		{message.Message{Body: []byte{0xff, 0}}, `{"exchange":"","routingKey":"","size":2,"bodyBase64":"/wA="}`},
	} {
		got := line(t, &c.m)
		if got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

// FuzzDocument: whatever the message, the line is one line of valid JSON that no terminal obeys,
// and a JSON body keeps its value.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"a":"b\\\" \u009b","c":[1,2.50,{}]}`), "key", "header", "")
	f.Add([]byte("\"\u007f\u0085\\u0085\""), "\xff", "\x00", "gzip")
	f.Add([]byte("\xc2"), "", "", "")
	f.Fuzz(func(t *testing.T, body []byte, key, header, encoding string) {
		m := message.Message{RoutingKey: key, Headers: message.Table{header: header, key: []any{header}}, Body: body,
			Properties: message.Properties{MessageID: key, ContentEncoding: encoding}}
		line := line(t, &m)
		if !json.Valid([]byte(line)) || !utf8.ValidString(line) {
			t.Fatalf("not JSON: %q", line)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }) {
			t.Fatalf("a terminal would obey %q", line)
		}
		if encoding == "" && json.Valid(body) && utf8.Valid(body) {
			var doc struct{ Body any }
			var want any
			if json.Unmarshal([]byte(line), &doc) != nil || json.Unmarshal(body, &want) != nil {
				return // numbers that float64 cannot hold
			}
			got, _ := json.Marshal(doc.Body)
			if same, _ := json.Marshal(want); string(same) != string(got) {
				t.Fatalf("%s became %s", same, got)
			}
		}
	})
}
