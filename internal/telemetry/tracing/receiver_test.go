package tracing

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/msgctl/msgctl/pkg/publish"
)

// service is a receiver as OpenTelemetry defines it, over gRPC or HTTP.
type service struct {
	collector.UnimplementedTraceServiceServer
	mu     sync.Mutex
	spans  int
	secret string // the header x-secret
	answer *collector.ExportTraceServiceResponse
}

func (s *service) Export(ctx context.Context, in *collector.ExportTraceServiceRequest) (
	*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range in.ResourceSpans {
		for _, scope := range r.ScopeSpans {
			s.spans += len(scope.Spans)
		}
	}
	if m, ok := metadata.FromIncomingContext(ctx); ok {
		s.secret = strings.Join(m.Get("x-secret"), "")
	}
	return s.answer, nil
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in collector.ExportTraceServiceRequest
	text, err := io.ReadAll(r.Body)
	kind := r.Header.Get("Content-Type")
	if kind == "application/json" {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, &in)
	} else if err == nil {
		err = proto.Unmarshal(text, &in)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, _ := s.Export(r.Context(), &in)
	s.secret = r.Header.Get("X-Secret")
	text, _ = proto.Marshal(answer)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(text)
}

// serve returns the address of a service, and a file with the certificate that it shows with TLS.
func serve(t *testing.T, s *service, overGRPC, withTLS bool) (address, certificate string) {
	t.Helper()
	web := httptest.NewUnstartedServer(s)
	if withTLS {
		web.StartTLS()
	} else {
		web.Start()
	}
	t.Cleanup(web.Close)
	if withTLS {
		certificate = filepath.Join(t.TempDir(), "ca.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
		if err := os.WriteFile(certificate, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !overGRPC {
		return web.URL, certificate
	}
	scheme, options := "http://", []grpc.ServerOption(nil)
	if withTLS {
		scheme = "https://"
		options = append(options, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: web.TLS.Certificates,
			MinVersion: tls.VersionTLS12})))
	}
	quietGRPC()
	server := grpc.NewServer(options...)
	collector.RegisterTraceServiceServer(server, s)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return scheme + l.Addr().String(), certificate
}

// TestReceivers: spans and headers arrive over each protocol, plain and with TLS. A receiver that
// is not trusted, or not there, costs a bounded time and one warning that says why.
func TestReceivers(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "http/json", "grpc"} {
		for _, withTLS := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s tls=%v", protocol, withTLS), func(t *testing.T) {
				s := &service{answer: &collector.ExportTraceServiceResponse{}}
				address, certificate := serve(t, s, protocol == "grpc", withTLS)
				variables := []string{endpoint, address, "OTEL_EXPORTER_OTLP_PROTOCOL", protocol,
					"OTEL_EXPORTER_OTLP_HEADERS", "x-secret=a%2Cb"}
				if withTLS {
					lost, took := sendOne(t, FlushTime, variables...)
					for patience := 2 * FlushTime; strings.Contains(lost, "did not answer") && patience < time.Minute; patience *= 2 {
						lost, took = sendOne(t, patience, variables...) // this machine is slow
					}
					if !strings.Contains(lost, "1 of 1 span was not sent to "+address) ||
						!strings.Contains(lost, "certificate signed by unknown authority") || took > bounded {
						t.Errorf("untrusted, after %s: %q", took, lost)
					}
					variables = append(variables, "OTEL_EXPORTER_OTLP_CERTIFICATE", certificate)
				}
				if lost, _ := sendOne(t, time.Minute, variables...); lost != "" || s.spans != 1 || s.secret != "a,b" {
					t.Errorf("%q, %d spans, %q", lost, s.spans, s.secret)
				}
				s.answer.PartialSuccess = &collector.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "quota"}
				if lost, _ := sendOne(t, time.Minute, variables...); !strings.Contains(lost, "quota (1 spans rejected)") {
					t.Errorf("a partial success: %q", lost)
				}
			})
		}
		t.Run(protocol+" nobody listens", func(t *testing.T) {
			lost, took := sendOne(t, FlushTime, endpoint, "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			if !strings.Contains(lost, "connection refused") || took > bounded {
				t.Errorf("after %s: %q", took, lost)
			}
		})
	}
}

// bounded is far more than FlushTime, for a machine that is busy, and far less than forever.
const bounded = FlushTime + 2*time.Minute

// sendOne sends one span and returns what Close would with that much patience, and how long it
// took.
func sendOne(t *testing.T, patience time.Duration, variables ...string) (lost string, took time.Duration) {
	t.Helper()
	tracing, warnings := start(t, variables...)
	if tracing == nil {
		t.Fatal(*warnings)
	}
	tracing.BeginSend(publish.Target{Key: "q"}, "", nil, nil).End("", nil)
	begin := time.Now()
	lost = tracing.flush(patience)
	if len(*warnings) > 0 {
		t.Errorf("warnings: %q", *warnings)
	}
	return lost, time.Since(begin)
}
