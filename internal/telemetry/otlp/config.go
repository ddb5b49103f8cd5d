package otlp

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Defaults of the specification.
const (
	DefaultEndpoint = "http://localhost:4318/v1/traces"
	DefaultTimeout  = 10 * time.Second
)

// The variables, without the part that may be for traces alone.
const (
	prefix       = "OTEL_EXPORTER_OTLP_"
	prefixTraces = "OTEL_EXPORTER_OTLP_TRACES_"
)

// Config says where spans go.
type Config struct {
	// Endpoint is the whole address.
	Endpoint *url.URL
	// Header is added to each request. Its values may be secret.
	Header map[string]string
	// Timeout is for one request, its repeats included.
	Timeout time.Duration
	Gzip    bool
	// TLS is nil for the system's.
	TLS *tls.Config
}

// settings reads variables; those for traces alone go first. It remembers the first mistake.
type settings struct {
	env func(string) string
	err error
}

// get also tells the name of the variable that counts.
func (s *settings) get(name string) (value, from string) {
	if v := strings.TrimSpace(s.env(prefixTraces + name)); v != "" {
		return v, prefixTraces + name
	}
	return strings.TrimSpace(s.env(prefix + name)), prefix + name
}

func (s *settings) fail(from, format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("%s: %s", from, fmt.Sprintf(format, args...))
	}
}

// HasEndpoint says that a variable names a receiver.
func HasEndpoint(env func(string) string) bool {
	s := settings{env: env}
	v, _ := s.get("ENDPOINT")
	return v != ""
}

// FromEnvironment reads the OTEL_EXPORTER_OTLP_ variables. The error names the variable that is
// wrong, and what to write.
func FromEnvironment(env func(string) string) (Config, error) {
	s := settings{env: env}
	c := Config{Timeout: DefaultTimeout}
	s.protocol()
	c.Endpoint = s.endpoint()
	c.Header = s.header()
	if v, from := s.get("TIMEOUT"); v != "" {
		ms, err := strconv.ParseInt(v, 10, 32)
		if err != nil || ms <= 0 {
			s.fail(from, "want milliseconds, like 10000, not %q", v)
		}
		c.Timeout = time.Duration(ms) * time.Millisecond
	}
	switch v, from := s.get("COMPRESSION"); v {
	case "gzip":
		c.Gzip = true
	case "", "none":
	default:
		s.fail(from, "want gzip or none, not %q", v)
	}
	c.TLS = s.tls()
	return c, s.err
}

func (s *settings) protocol() {
	switch v, from := s.get("PROTOCOL"); v {
	case "", "http/protobuf":
	case "grpc":
		s.fail(from, "msgctl does not speak grpc (port 4317); every receiver also takes http/protobuf, on port 4318: "+
			"%s=http/protobuf %sENDPOINT=http://HOST:4318", from, prefix)
	default:
		s.fail(from, "msgctl speaks http/protobuf, not %q", v)
	}
}

func (s *settings) endpoint() *url.URL {
	v, from := s.get("ENDPOINT")
	u, err := url.Parse(cmp.Or(v, DefaultEndpoint))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		s.fail(from, "want an address like http://localhost:4318") // the value may hold a password
		return nil
	}
	switch {
	case v == "":
	case from == prefixTraces+"ENDPOINT":
		u.Path = cmp.Or(u.Path, "/")
	default:
		u = u.JoinPath("v1/traces")
	}
	return u
}

// header reads NAME=VALUE,NAME=VALUE with percent-encoded values. A mistake does not show the
// value.
func (s *settings) header() map[string]string {
	v, from := s.get("HEADERS")
	if v == "" {
		return nil
	}
	out := map[string]string{}
	for pair := range strings.SplitSeq(v, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil || !fitsHeader(name, value) {
			s.fail(from, "want NAME=VALUE,NAME=VALUE with percent-encoded values")
			return nil
		}
		out[name] = value
	}
	return out
}

// fitsHeader says whether HTTP takes a header.
func fitsHeader(name, value string) bool {
	token := func(r rune) bool {
		return r > ' ' && r < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}
	control := func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
	return name != "" && strings.IndexFunc(name, func(r rune) bool { return !token(r) }) < 0 &&
		strings.IndexFunc(value, control) < 0
}

// tls reads the certificates; nil without any.
func (s *settings) tls() *tls.Config {
	ca, caFrom := s.get("CERTIFICATE")
	cert, certFrom := s.get("CLIENT_CERTIFICATE")
	key, _ := s.get("CLIENT_KEY")
	if ca == "" && cert == "" {
		return nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		text, err := os.ReadFile(ca)
		if err != nil {
			s.fail(caFrom, "%v", err)
			return nil
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			s.fail(caFrom, "%s has no certificate in PEM", ca)
		}
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			s.fail(certFrom, "with %sCLIENT_KEY: %v", prefix, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}
