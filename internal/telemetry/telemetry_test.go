package telemetry_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/telemetry"
)

func get(t *testing.T, addr, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestServer(t *testing.T) {
	m := telemetry.NewMetrics()
	var notReady error
	s, err := telemetry.Serve(t.Context(), "127.0.0.1:0", m, func() error { return notReady })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m.Consumed.Add(1, "q", "a\"b\\c\nd\xff", "handled")
	m.Consumed.Add(2, "q", "", "retried")
	m.InFlight.Add(3, "q")
	m.InFlight.Add(-1, "q")
	for _, v := range []float64{0.0005, 0.0006, 3, 1000} {
		m.Duration.Observe(v, "q", "t")
	}
	status, text := get(t, s.Addr, "/metrics")
	for _, want := range []string{
		"# TYPE messages_consumed_total counter\n", "# TYPE message_processing_duration_seconds histogram\n",
		`messages_consumed_total{queue="q",event_type="a\"b\\c\nd` + "\uFFFD" + `",status="handled"} 1` + "\n",
		`messages_consumed_total{queue="q",event_type="",status="retried"} 2` + "\n",
		`messages_in_flight{queue="q"} 2` + "\n",
		`message_processing_duration_seconds_bucket{queue="q",event_type="t",le="0.0005"} 1` + "\n",
		`message_processing_duration_seconds_bucket{queue="q",event_type="t",le="0.001"} 2` + "\n",
		`message_processing_duration_seconds_bucket{queue="q",event_type="t",le="5"} 3` + "\n",
		`message_processing_duration_seconds_bucket{queue="q",event_type="t",le="+Inf"} 4` + "\n",
		`message_processing_duration_seconds_sum{queue="q",event_type="t"} 1003.0011` + "\n",
		`message_processing_duration_seconds_count{queue="q",event_type="t"} 4` + "\n",
	} {
		if status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%d, without %q in\n%s", status, want, text)
		}
	}
	if status, text = get(t, s.Addr, "/readyz"); status != http.StatusOK {
		t.Errorf("ready: %d %s", status, text)
	}
	notReady = errors.New("the connection was lost")
	if status, text = get(t, s.Addr, "/readyz"); status != http.StatusServiceUnavailable ||
		!strings.Contains(text, "was lost") {
		t.Errorf("not ready: %d %s", status, text)
	}
	if status, _ = get(t, s.Addr, "/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}
}

func TestLabelsAreBounded(t *testing.T) {
	l := telemetry.Labels{Most: 3}
	seen := map[string]bool{}
	for i := range 100 {
		seen[l.Value("type"+strconv.Itoa(i))] = true
	}
	if fmt.Sprint(len(seen)) != "4" || !seen[telemetry.Other] || l.Value("type1") != "type1" {
		t.Errorf("%v", seen)
	}
}

func TestFamilyWithoutLabels(t *testing.T) {
	up := telemetry.NewGauge("up", "Whether it is up.")
	up.Set(1)
	up.Set(0.5)
	var b strings.Builder
	if err := telemetry.Write(&b, up); err != nil ||
		b.String() != "# HELP up Whether it is up.\n# TYPE up gauge\nup 0.5\n" {
		t.Errorf("%v %q", err, b.String())
	}
}

// FuzzLabels: whatever a value is, it is one line, which reads back as the value.
func FuzzLabels(f *testing.F) {
	for _, v := range []string{"", "plain", `a"b`, `a\`, `\\"`, "a\nb", "a\r\nb", "\xff\xfe", "ü✓", "\x00\x1b[31m",
		`"} 1` + "\nup 1", "\u2028"} {
		f.Add(v, v)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		g := telemetry.NewGauge("m", "Help.", "a", "b")
		g.Set(1, a, b)
		var text strings.Builder
		if err := telemetry.Write(&text, g); err != nil {
			t.Fatal(err)
		}
		line, found := strings.CutPrefix(text.String(), "# HELP m Help.\n# TYPE m gauge\nm{a=\"")
		if !found || strings.Count(line, "\n") != 1 {
			t.Fatalf("not one line: %q", text.String())
		}
		first, rest := unescape(t, line)
		rest, ok := strings.CutPrefix(rest, `,b="`)
		if !ok {
			t.Fatalf("after the first label: %q", rest)
		}
		second, rest := unescape(t, rest)
		if rest != "} 1\n" || first != strings.ToValidUTF8(a, "\uFFFD") || second != strings.ToValidUTF8(b, "\uFFFD") {
			t.Errorf("%q and %q became %q and %q, and then %q", a, b, first, second, rest)
		}
	})
}

// unescape reads a label's value up to its quote, as the text format has it: \\, \" and \n, and
// nothing else.
func unescape(t *testing.T, text string) (value, rest string) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return value, text[i+1:]
		case '\\':
			i++
			switch text[i] {
			case 'n':
				value += "\n"
			case '\\', '"':
				value += text[i : i+1]
			default:
				t.Fatalf("\\%c is no escape", text[i])
			}
		default:
			value += text[i : i+1]
		}
	}
	t.Fatal("no end of the value")
	return "", ""
}
