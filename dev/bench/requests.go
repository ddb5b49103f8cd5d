package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// countingProxy is an HTTP proxy in front of a broker that counts requests.
type countingProxy struct {
	url      string
	requests atomic.Int64
	server   *http.Server
}

func newCountingProxy(target string) (*countingProxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	p := &countingProxy{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: u.Scheme, Host: u.Host})
	}}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // nothing to cancel
	if err != nil {
		return nil, err
	}
	p.server = &http.Server{ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p.requests.Add(1)
			proxy.ServeHTTP(w, r)
		})}
	go func() { _ = p.server.Serve(listener) }()
	p.url = (&url.URL{Scheme: "http", User: u.User, Host: listener.Addr().String()}).String()
	return p, nil
}
