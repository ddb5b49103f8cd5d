package telemetry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// Server serves /metrics, /healthz (the process lives) and /readyz (it can do its work).
type Server struct {
	// Addr is where it listens.
	Addr string
	http *http.Server
}

// Source has metrics to serve.
type Source interface {
	// Write writes them as Prometheus reads them.
	Write(to io.Writer) error
}

// Serve begins to listen and returns. ready says why the process cannot do its work now, nil when
// it can.
func Serve(ctx context.Context, addr string, m Source, ready func() error) (*Server, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = m.Write(w) // whoever asked is gone
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	s := &Server{Addr: l.Addr().String(), http: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}
	go func() { _ = s.http.Serve(l) }() // until Close
	return s, nil
}

// Close stops it.
func (s *Server) Close() error {
	if err := s.http.Close(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
