package handle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
)

// HTTP posts each message to an endpoint. A 2xx status means that the message was handled. The
// statuses 408, 425, 429, 502, 503 and 504, a timeout and an unreachable server mean a retry, not
// before the time in Retry-After. Any other status refuses the message. Redirects are not followed.
// Handle is safe for concurrent use.
type HTTP struct {
	// URL is the endpoint. A user and password in it are sent as basic authentication and never
	// shown.
	URL *url.URL
	// Raw posts the body unchanged. Otherwise an event is sent as a CloudEvent in binary mode, and
	// a message that is not an event is sent raw.
	Raw bool
	// Timeout limits the time for one message, including the answer; 0 means no limit.
	Timeout time.Duration
	// Header is added to each request.
	Header http.Header
	client *http.Client
}

// NewHTTP returns a handler that keeps up to concurrency idle connections open.
func NewHTTP(u *url.URL, concurrency int) *HTTP {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = concurrency, concurrency
	return &HTTP{URL: u, client: &http.Client{
		Transport: t,
		// a POST could become a GET
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Limits on how much of an answer is read: for the error message, and to reuse the connection.
const (
	answerSaid  = 1 << 10
	answerDrain = 256 << 10
)

// Handle implements Handler.
func (h *HTTP) Handle(ctx context.Context, a *Attempt) Result {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if h.Timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, h.Timeout)
	}
	defer cancel()
	req, err := h.request(limited, a)
	if err != nil {
		return Never(ErrorHTTP, err.Error())
	}
	resp, err := h.client.Do(req)
	switch {
	case err != nil && ctx.Err() != nil:
		return Stopped()
	case err != nil && limited.Err() != nil:
		return Again(ErrorTimeout, fmt.Sprintf("%s did not answer in %s", h.Name(), h.Timeout))
	case err != nil:
		return Again(ErrorConnect, plainError(err))
	}
	defer func() { _ = resp.Body.Close() }()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, answerSaid)) // as far as it came
	_, _ = io.CopyN(io.Discard, resp.Body, answerDrain)
	return judgeStatus(resp, strings.TrimSpace(string(said)))
}

// plainError omits the URL, which may contain a password.
func plainError(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

func judgeStatus(resp *http.Response, said string) Result {
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return Done()
	}
	kind := ErrorHTTP + " " + strconv.Itoa(resp.StatusCode)
	if said == "" {
		said = resp.Status
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		r := Again(kind, said)
		r.After = retryAfter(resp.Header.Get("Retry-After"), time.Now())
		return r
	}
	return Never(kind, said)
}

// maxRetryAfter limits the delay that a server may ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter parses a number of seconds or an HTTP date. It returns 0 for anything else.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32); err == nil {
		return min(max(time.Duration(n)*time.Second, 0), maxRetryAfter)
	}
	if t, err := http.ParseTime(s); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

func (h *HTTP) request(ctx context.Context, a *Attempt) (*http.Request, error) {
	m := a.Message
	var ce []event.Attribute
	body := m.Body
	if !h.Raw {
		if e, _, err := event.FromMessage(m); err == nil {
			ce, body = e.Attributes("/"+m.Queue), e.Payload
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://host/", bytes.NewReader(body))
	if err != nil {
		return nil, errors.New(plainError(err))
	}
	req.URL, req.Host = h.URL, h.URL.Host
	for name, values := range h.Header {
		req.Header[name] = values
	}
	set := func(name, value string) { // the names are in canonical form
		if value != "" {
			req.Header[name] = []string{headerText(value)}
		}
	}
	contentType := m.ContentType
	if ce != nil {
		contentType = "application/json"
		for _, a := range ce {
			set(http.CanonicalHeaderKey("Ce-"+a.Name), a.Value)
		}
	}
	verbatim(req, "Content-Type", contentType)
	if ce == nil {
		verbatim(req, "Content-Encoding", m.ContentEncoding)
	}
	describe(set, a, m)
	t := a.trace()
	verbatim(req, "Traceparent", t.Parent)
	verbatim(req, "Tracestate", t.State)
	return req, nil
}

// verbatim sets a header whose spaces are significant. It omits a value that no header can carry.
func verbatim(req *http.Request, name, value string) {
	unfit := func(r rune) bool { return r < ' ' || r >= 0x7f }
	if value != "" && strings.IndexFunc(value, unfit) < 0 {
		req.Header.Set(name, value)
	}
}

func describe(set func(name, value string), a *Attempt, m *message.Message) {
	set("Message-Id", m.MessageID)
	set("Message-Type", a.Type)
	set("Message-Queue", m.Queue)
	set("Message-Exchange", m.Exchange)
	set("Message-Routing-Key", m.RoutingKey)
	set("Message-Attempt", strconv.Itoa(a.Number))
	set("Message-Last-Attempt", strconv.FormatBool(a.Last))
	set("Correlation-Id", m.CorrelationID)
}

// headerText percent-encodes characters that a header cannot carry, as the HTTP binding of
// CloudEvents does.
func headerText(s string) string {
	const hex = "0123456789ABCDEF"
	if strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '%' }) < 0 {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c > ' ' && c < 0x7f && c != '"' && c != '%' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// Name implements Handler.
func (h *HTTP) Name() string {
	u := url.URL{Scheme: h.URL.Scheme, Host: h.URL.Host, Path: h.URL.Path}
	return "http " + u.String()
}

// Close implements Handler. It never fails.
func (h *HTTP) Close(context.Context) error {
	h.client.CloseIdleConnections()
	return nil
}
