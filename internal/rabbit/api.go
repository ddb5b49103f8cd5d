package rabbit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	rabbithole "github.com/michaelklishin/rabbit-hole/v2"

	"github.com/msgctl/msgctl/pkg/topology"
)

const (
	// keepAlive is how many idle HTTP connections are kept: enough for the requests that run in
	// parallel.
	keepAlive = 16
	// maxAnswer bounds an answer of the management API: 100,000 objects take about 40 MB.
	maxAnswer = 512 << 20
	// maxRefusal bounds the part of an error's body that is read.
	maxRefusal = 64 << 10
)

// api speaks to the management API: by its own requests where rabbit-hole is wrong or slow (it
// keeps all of a list in memory), by rabbit-hole over the same transport elsewhere.
type api struct {
	base      string
	user      string
	password  topology.Secret
	guestHint string
	timeout   time.Duration
	agent     string
	opts      Options

	transport *http.Transport
	client    *http.Client
	limit     int64        // bytes of an answer
	requests  atomic.Int64 // answered, for tests
	reached   atomic.Bool
}

func newAPI(o Options) *api {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		MaxIdleConns:        keepAlive,
		MaxIdleConnsPerHost: keepAlive,
		IdleConnTimeout:     30 * time.Second,
		TLSHandshakeTimeout: o.Timeout,
		TLSClientConfig:     o.APITLS,
		// A header is never this long; a hostile server's may be.
		MaxResponseHeaderBytes: 1 << 20,
	}
	a := &api{
		base: strings.TrimSuffix(o.API, "/"), user: o.User, password: o.Password, timeout: o.Timeout,
		agent: strings.ReplaceAll(o.Name, " ", "/"), opts: o, transport: transport, limit: maxAnswer,
	}
	if u, err := url.Parse(o.API); err == nil {
		hint := o
		hint.Host = u.Hostname()
		a.guestHint = guestHint(hint)
	}
	a.client = &http.Client{Transport: a,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return a
}

// RoundTrip implements http.RoundTripper for both clients: it logs in, keeps connections alive
// (rabbit-hole asks to close them), bounds answers, and turns every status that is not a success
// into an *apiError.
func (a *api) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Close = false
	req.Header.Set("User-Agent", a.agent)
	req.SetBasicAuth(a.user, string(a.password))
	res, err := a.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	a.requests.Add(1)
	if res.StatusCode != http.StatusUnauthorized {
		a.reached.Store(true)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		defer func() { _ = res.Body.Close() }()
		return nil, newAPIError(res)
	}
	res.Body = &bounded{ReadCloser: res.Body, left: a.limit}
	return res, nil
}

// bounded is a body that fails when it is too long.
type bounded struct {
	io.ReadCloser
	left int64
}

var errTooLong = errors.New("the answer is too long")

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, errTooLong
	}
	return n, err
}

// apiError is a refusal of the management API.
type apiError struct {
	status   int
	code     string // "bad_request", "not_authorised"
	reason   string
	location string
	json     bool
	body     []byte // at most maxRefusal
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.code, e.reason) }

func newAPIError(res *http.Response) *apiError {
	e := &apiError{status: res.StatusCode, location: res.Header.Get("Location")}
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxRefusal))
	e.body = text
	var body struct {
		Error  any `json:"error"`
		Reason any `json:"reason"`
	}
	if json.Unmarshal(text, &body) == nil {
		e.json = true
		e.code, _ = body.Error.(string)
		e.reason = html.UnescapeString(reasonText(body.Reason))
	}
	return e
}

// reasonText: a reason is a string, or on some refusals an array (["no_such_exchange","x"]) or an
// object.
func reasonText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case []any:
		if text, ok := charlist(x); ok {
			return text
		}
		parts := make([]string, len(x))
		for i, p := range x {
			parts[i] = reasonText(p)
		}
		return strings.Join(parts, " ")
	}
	text, _ := json.Marshal(v)
	return string(text)
}

// charlist: Erlang's strings are lists of code points, and some reasons come as such.
func charlist(list []any) (string, bool) {
	var b strings.Builder
	for _, e := range list {
		n, ok := e.(float64)
		if !ok || n < ' ' || n > unicode.MaxRune {
			return "", false
		}
		b.WriteRune(rune(n))
	}
	return b.String(), len(list) > 0
}

// path joins escaped segments: path("queues", "a/b") is "queues/a%2Fb". The management API cannot
// address names "." and "..": it answers 405, also when they are escaped (3.10.8, 4.0.5, 4.3.6).
func path(segments ...string) string {
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

var errDotName = errors.New(`the management API cannot address an object named "." or ".."`)

func addressable(segments ...string) error {
	for _, s := range segments {
		if s == "." || s == ".." {
			return errDotName
		}
	}
	return nil
}

// send does one request. The caller closes the body. Connection failures are retried when the API
// took the login before.
func (a *api) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	var res *http.Response
	err := a.retry(ctx, func() error {
		req, err := http.NewRequestWithContext(ctx, method, a.base+"/api/"+path, bytes.NewReader(text))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err = a.client.Do(req) //nolint:bodyclose // the caller closes it
		return err
	})
	return res, err
}

// stumbles is how often a broker that fails on something harmless is asked: 4.0.5 and 4.3.6 answer
// 500 now and then while somebody else's vhost is being deleted.
const stumbles = 5

// sendGet is send for what can be asked twice.
func (a *api) sendGet(ctx context.Context, path string) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		res, err := a.send(ctx, http.MethodGet, path, nil)
		var refusal *apiError
		if !errors.As(err, &refusal) || refusal.status != http.StatusInternalServerError || attempt == stumbles {
			return res, err
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// pause waits before the next attempt at what a broker stumbled over, longer each time.
func pause(ctx context.Context, attempt int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(attempt) * 100 * time.Millisecond):
		return nil
	}
}

// retry repeats f while the established API cannot be reached. A refusal is an answer, but for one
// of the login that it took before.
func (a *api) retry(ctx context.Context, f func() error) error {
	return retry(ctx, a.opts, a.reached.Load(), func() error {
		err := f()
		var refusal *apiError
		if errors.As(err, &refusal) || !transient(err) {
			return err
		}
		return a.unreachable(ctx, err)
	})
}

// transient reports whether a request failed because nobody listens or the connection was cut: the
// broker may be restarting.
func transient(err error) bool {
	return isRefused(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}

// get decodes one JSON value. Numbers stay json.Number in untyped places.
func (a *api) get(ctx context.Context, path string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	res, err := a.sendGet(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	return a.decoded(ctx, res, decoder(res.Body).Decode(out))
}

// list decodes a JSON array element by element, so that memory holds one at a time.
func list[T any](ctx context.Context, a *api, path string, each func(*T) error) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	res, err := a.sendGet(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	dec := decoder(res.Body)
	if first, err := dec.Token(); err != nil || first != json.Delim('[') {
		return a.decoded(ctx, res, cmpErr(err, errors.New("no list")))
	}
	for dec.More() {
		item := new(T)
		if err := dec.Decode(item); err != nil {
			return a.decoded(ctx, res, err)
		}
		if err := each(item); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return a.decoded(ctx, res, err)
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func decoder(r io.Reader) *json.Decoder {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	return dec
}

// decoded explains an answer that is not what a management API sends.
func (a *api) decoded(ctx context.Context, res *http.Response, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // the decoder takes it for the end of the text
		return ctx.Err()
	case errors.Is(err, errTooLong):
		return &Error{Op: "read " + a.base,
			Text: fmt.Sprintf("the answer is longer than %d MiB, which no management API sends",
				a.limit>>20), Kind: ErrAPI, cause: err}
	case errors.As(err, &syntax), errors.As(err, &kind), err.Error() == "no list":
		return &Error{Op: "read " + a.base, Kind: ErrAPI, cause: err,
			Text: fmt.Sprintf("the answer is not what RabbitMQ's management API sends (content type %q): is the address "+
				"right (--api)?", res.Header.Get("Content-Type"))}
	}
	return err
}

// hole returns a rabbit-hole client whose requests carry ctx. It is cheap: make one per call.
func (a *api) hole(ctx context.Context) (*rabbithole.Client, error) {
	client, err := rabbithole.NewClient(a.base, a.user, "") // RoundTrip logs in
	if err != nil {
		return nil, err
	}
	client.SetTransport(roundTrip(func(req *http.Request) (*http.Response,
		error) {
		return a.RoundTrip(req.WithContext(ctx))
	}))
	return client, nil
}

// change does one modifying request of rabbit-hole's.
func (a *api) change(ctx context.Context, f func(*rabbithole.Client) (*http.Response, error)) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	client, err := a.hole(ctx)
	if err != nil {
		return err
	}
	return a.retry(ctx, func() error {
		res, err := f(client)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, res.Body) // so that the connection is used again
		return res.Body.Close()
	})
}

// put does one modifying request of our own.
func (a *api) put(ctx context.Context, method, path string, body any) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	res, err := a.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.Body.Close()
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
