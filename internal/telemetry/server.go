package telemetry

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/msgctl/msgctl/internal/guarded"
)

// The bounds of the server. A client that reads or writes slowly holds a connection for so long,
// and nothing else: metrics are gathered before they are written.
const (
	readTimeout  = 10 * time.Second // of a request, its header within readHeaderTimeout
	writeTimeout = 15 * time.Second
	idleTimeout  = 2 * time.Minute
	maxHeader    = 16 << 10
	// concurrentScrapes bounds the copies of all metrics that slow clients keep in memory. Further
	// ones are answered with 503.
	concurrentScrapes = 8

	readHeaderTimeout = 5 * time.Second
)

// Server serves /metrics, /healthz (the process lives) and /readyz (it can do its work).
type Server struct {
	// Addr is where it listens.
	Addr string
	http *http.Server
}

// Serve begins to listen and returns. An address without a host (:9464) means 127.0.0.1, because
// not everybody who reaches the machine may know the names of queues and vhosts. ready returns why
// the process cannot do its work now, nil when it can.
func Serve(ctx context.Context, addr string, metrics prometheus.Gatherer, ready func() error) (*Server, error) {
	if host, port, err := net.SplitHostPort(addr); err == nil && host == "" {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: l.Addr().String(), http: newHTTPServer(metrics, ready)}
	guarded.Go(func() { _ = s.http.Serve(l) }) // until Close
	return s, nil
}

func newHTTPServer(metrics prometheus.Gatherer, ready func() error) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		MaxRequestsInFlight: concurrentScrapes,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	return &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
}

// Close stops it.
func (s *Server) Close() error {
	if err := s.http.Close(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
