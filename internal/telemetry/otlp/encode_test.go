package otlp

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"
)

func spanContext(t testing.TB, state string, remote bool, flags trace.TraceFlags) trace.SpanContext {
	t.Helper()
	parsed, err := trace.ParseTraceState(state)
	if err != nil {
		t.Fatal(err)
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2, 3, 15: 16}, SpanID: trace.SpanID{9,
			7: 8}, TraceFlags: flags, TraceState: parsed, Remote: remote,
	})
}

func decode(t testing.TB, spans ...tracetest.SpanStub) *collector.ExportTraceServiceRequest {
	t.Helper()
	var list []sdk.ReadOnlySpan
	for _, s := range spans {
		list = append(list, s.Snapshot())
	}
	out := &collector.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(appendRequest(nil, list), out); err != nil {
		t.Fatal(err)
	}
	if unknown := out.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		t.Errorf("unknown fields %x", unknown)
	}
	return out
}

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

// TestRequestIsWhatTheRealTypesRead holds every field against OpenTelemetry's generated types.
func TestRequestIsWhatTheRealTypesRead(t *testing.T) {
	start := time.Unix(1_700_000_000, 123)
	id, above := []byte{1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16}, []byte{9, 0, 0, 0, 0, 0, 0, 8}
	res := resource.NewWithAttributes("https://schema/r", attribute.String("service.name", "msgctl"))
	long := strings.Repeat("é", 40_000)
	full := tracetest.SpanStub{
		Name: "publish x:k", SpanContext: spanContext(t, "a=1,b=2", false, trace.FlagsSampled), Parent: spanContext(t, "",
			true, 0), SpanKind: trace.SpanKindProducer,
		StartTime: start, EndTime: start.Add(time.Second),
		Attributes: []attribute.KeyValue{
			attribute.String("s", "é\xff"), attribute.String("empty", ""), attribute.Bool("yes", true), attribute.Bool("no",
				false), attribute.Int64("i", -7),
			attribute.Int64("zero", 0), attribute.Float64("f", 2.5), attribute.StringSlice("list",
				[]string{"", "b"}), attribute.Int64Slice("ints", []int64{1, 2}),
			attribute.String("long", long),
		},
		Events: []sdk.Event{{Name: "retry", Time: start,
			Attributes: []attribute.KeyValue{attribute.String("to", "q")}, DroppedAttributeCount: 3}},
		Links: []sdk.Link{{SpanContext: spanContext(t, "c=3", true, trace.FlagsSampled),
			Attributes: []attribute.KeyValue{attribute.String("l", "1")}, DroppedAttributeCount: 4}},
		Status:            sdk.Status{Code: codes.Error, Description: "no\x00\xf0route"},
		DroppedAttributes: 5, DroppedEvents: 6, DroppedLinks: 7,
		Resource: res, InstrumentationScope: instrumentation.Scope{Name: "scope", Version: "1",
			SchemaURL: "https://schema/s"},
	}
	bare := tracetest.SpanStub{Name: "x", SpanContext: spanContext(t, "", false, 0), Status: sdk.Status{Code: codes.Ok},
		StartTime: start, EndTime: start, Resource: res}
	value := func(v *common.AnyValue) *common.AnyValue { return v }
	want := &collector.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*common.KeyValue{text("service.name",
			"msgctl")}}, SchemaUrl: "https://schema/r",
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &common.InstrumentationScope{Name: "scope", Version: "1"}, SchemaUrl: "https://schema/s",
			Spans: []*tracepb.Span{{
				TraceId: id, SpanId: above, TraceState: "a=1,b=2", ParentSpanId: above, Flags: 0x301, Name: "publish x:k", Kind: tracepb.Span_SPAN_KIND_PRODUCER,
				StartTimeUnixNano: uint64(start.UnixNano()), EndTimeUnixNano: uint64(start.UnixNano()) + 1e9,
				Attributes: []*common.KeyValue{
					text("s", "é\uFFFD"), text("empty", ""),
					{Key: "yes", Value: value(&common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: true}})},
					{Key: "no", Value: value(&common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: false}})},
					{Key: "i", Value: value(&common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: -7}})},
					{Key: "zero", Value: value(&common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 0}})},
					{Key: "f", Value: value(&common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: 2.5}})},
					{Key: "list", Value: value(&common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{text("", "").Value, text("", "b").Value}}}})},
					text("ints", "[1,2]"), text("long", long),
				},
				DroppedAttributesCount: 5, DroppedEventsCount: 6, DroppedLinksCount: 7,
				Events: []*tracepb.Span_Event{{TimeUnixNano: uint64(start.UnixNano()), Name: "retry",
					Attributes: []*common.KeyValue{text("to", "q")}, DroppedAttributesCount: 3}},
				Links: []*tracepb.Span_Link{{TraceId: id, SpanId: above, TraceState: "c=3",
					Attributes: []*common.KeyValue{text("l", "1")}, DroppedAttributesCount: 4, Flags: 0x301}},
				Status: &tracepb.Status{Message: "no\x00\uFFFDroute", Code: tracepb.Status_STATUS_CODE_ERROR},
			}, {
				TraceId: id, SpanId: above, Name: "x", Flags: 0x100, StartTimeUnixNano: uint64(start.UnixNano()), EndTimeUnixNano: uint64(start.UnixNano()),
				Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_OK},
			}},
		}},
	}}}
	if diff := cmp.Diff(want, decode(t, full, bare), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if n := len(appendRequest(nil, nil)); n != 0 {
		t.Errorf("no spans are %d bytes", n)
	}
}

// TestAnyTextSurvives: lengths around those at which a length takes another byte, and bytes that
// are no text.
func TestAnyTextSurvives(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.SampledFrom([]int{0, 1, 100, 126, 127, 128, 129, 16_300, 16_384, 70_000}).Draw(r, "length")
		raw := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(r, "bytes")
		n := rapid.Int64().Draw(r, "number")
		f := rapid.Float64().Draw(r, "float")
		s := tracetest.SpanStub{
			Name: strings.Repeat("n", name), SpanContext: spanContext(t, "", false, 0), Resource: resource.Empty(),
			Attributes: []attribute.KeyValue{attribute.String("raw", string(raw)), attribute.Int64("n", n),
				attribute.Float64("f", f)},
		}
		got := decode(t, s).ResourceSpans[0].ScopeSpans[0].Spans[0]
		back := got.Attributes[0].Value.GetStringValue()
		if got.Name != s.Name || !utf8.ValidString(back) || utf8.Valid(raw) && back != string(raw) {
			r.Fatalf("%d %q", len(got.Name), back)
		}
		if got.Attributes[1].Value.GetIntValue() != n ||
			math.Float64bits(got.Attributes[2].Value.GetDoubleValue()) != math.Float64bits(f) {
			r.Fatal(got.Attributes)
		}
	})
}

func TestPartialSuccess(t *testing.T) {
	for _, want := range []partial{{}, {rejected: 3, message: "quota"}, {message: "a warning"}, {rejected: 1 << 40}} {
		body, err := proto.Marshal(&collector.ExportTraceServiceResponse{PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: want.rejected, ErrorMessage: want.message}})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parsePartial(body); got != want || err != nil {
			t.Errorf("%+v %v, want %+v", got, err, want)
		}
	}
	for _, damaged := range []string{"0a05", "0aff", "08", "0f", "00", "0affffffffffffffffff01", "0d0102"} {
		body, _ := hex.DecodeString(damaged)
		if _, err := parsePartial(body); err == nil {
			t.Errorf("%s is taken", damaged)
		}
	}
}

// FuzzAnswer: what a receiver answers is untrusted. What the real types read is read alike.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{"", "0a0408031200", "0a07080312036e6f21", "0dffffffff", "0a02ffff"} {
		b, _ := hex.DecodeString(seed)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parsePartial(body)
		var want collector.ExportTraceServiceResponse
		if proto.Unmarshal(body, &want) != nil || err != nil {
			return
		}
		// A message that comes twice is merged; ours are read the same way as long as the text is
		// one.
		p := want.GetPartialSuccess()
		if utf8.ValidString(got.message) &&
			(got.message != p.GetErrorMessage() || got.rejected != max(p.GetRejectedSpans(), 0)) {
			t.Errorf("%+v, want %v", got, p)
		}
	})
}
