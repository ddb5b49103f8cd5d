package rabbittest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Client is a plain management API client for arranging and checking the broker's state in tests.
// It shares no code with the one under test. Safe for use by several goroutines.
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client for an API address with credentials, as in Broker.API and VHost.API.
func NewClient(api string) *Client {
	// Idle connections would count as leaked goroutines in the tests that look for those.
	transport := &http.Transport{DisableKeepAlives: true}
	return &Client{base: strings.TrimSuffix(api, "/"), http: &http.Client{Transport: transport, Timeout: 2 * time.Minute}}
}

// patient returns a client that waits longer: a vhost with thousands of queues is deleted in a
// minute on a busy machine, and others are not created meanwhile.
func (c *Client) patient() *Client {
	return &Client{base: c.base, http: &http.Client{Transport: c.http.Transport, Timeout: 5 * time.Minute}}
}

// Admin returns a client with the administrator's credentials.
func (b *Broker) Admin() *Client { return NewClient(b.API) }

// Path joins path segments, escaping each: Path("queues", "a/b", "q 1") is
// "/api/queues/a%2Fb/q%201".
func Path(segments ...string) string {
	var b strings.Builder
	b.WriteString("/api")
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// StatusError is an answer of 300 or more.
type StatusError struct {
	Method, Path string
	Status       int
	Body         string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, e.Body)
}

// Do sends one request and returns the broker's answer. in is sent as JSON unless nil; out receives
// JSON unless nil. A status of 300 or more is a *StatusError.
func (c *Client) Do(method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, c.base+path, body) //nolint:noctx // bounded by the client's timeout
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return &StatusError{method, path, res.StatusCode, strings.TrimSpace(string(text))}
	}
	if out == nil || len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, out)
}

// Get fails the test unless the broker answers, and decodes the answer into out.
func (c *Client) Get(tb testing.TB, path string, out any) {
	tb.Helper()
	if err := c.Do(http.MethodGet, path, nil, out); err != nil {
		tb.Fatal(err)
	}
}

// Put fails the test unless the broker accepts.
func (c *Client) Put(tb testing.TB, path string, in any) {
	tb.Helper()
	if err := c.Do(http.MethodPut, path, in, nil); err != nil {
		tb.Fatal(err)
	}
}

// Post fails the test unless the broker accepts; out may be nil.
func (c *Client) Post(tb testing.TB, path string, in, out any) {
	tb.Helper()
	if err := c.Do(http.MethodPost, path, in, out); err != nil {
		tb.Fatal(err)
	}
}

// Delete fails the test unless the broker deletes; what is already gone is fine. A broker closes
// the connection of a request that takes it more than a minute, such as the deletion of a vhost with
// many queues on a busy machine, and goes on with it: it is asked again then.
func (c *Client) Delete(tb testing.TB, path string) {
	tb.Helper()
	err := c.Do(http.MethodDelete, path, nil, nil)
	for again := 0; errors.Is(err, io.EOF) && again < deleteAgain; again++ {
		err = c.Do(http.MethodDelete, path, nil, nil)
	}
	if err != nil && !c.notFound(err) {
		tb.Fatal(err)
	}
}

const deleteAgain = 5

// Exists reports whether the broker knows the path.
func (c *Client) Exists(tb testing.TB, path string) bool {
	tb.Helper()
	err := c.Do(http.MethodGet, path, nil, nil)
	if err != nil && !c.notFound(err) {
		tb.Fatal(err)
	}
	return err == nil
}

func (*Client) notFound(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Status == http.StatusNotFound
}
