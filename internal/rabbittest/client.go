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

// Client is a plain management API client that sets up and checks the state of the broker in tests.
// It shares no code with the client under test. It is safe for concurrent use.
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client for the base URL of a management API with credentials, as in
// Broker.API and User.API. Each request times out after two minutes.
func NewClient(api string) *Client {
	// Tests that check for leaked goroutines would count those of idle connections.
	transport := &http.Transport{DisableKeepAlives: true}
	return &Client{base: strings.TrimSuffix(api, "/"), http: &http.Client{Transport: transport, Timeout: 2 * time.Minute}}
}

// patient returns a client with a timeout of five minutes. On a busy machine, deleting a vhost with
// thousands of queues takes a minute, and the broker creates no other vhost meanwhile.
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

// StatusError is a response with a status of 300 or more.
type StatusError struct {
	Method, Path string
	Status       int
	Body         string
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, e.Body)
}

// Do sends one request. It encodes in as the JSON body unless in is nil, and decodes the response
// into out unless out is nil or the response is empty. It returns a *StatusError for a status of
// 300 or more.
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

// Get sends a GET request and decodes the response into out. It fails the test on any error.
func (c *Client) Get(tb testing.TB, path string, out any) {
	tb.Helper()
	if err := c.Do(http.MethodGet, path, nil, out); err != nil {
		tb.Fatal(err)
	}
}

// Put sends a PUT request with in as its body. It fails the test on any error.
func (c *Client) Put(tb testing.TB, path string, in any) {
	tb.Helper()
	if err := c.Do(http.MethodPut, path, in, nil); err != nil {
		tb.Fatal(err)
	}
}

// Post sends a POST request with in as its body and decodes the response into out unless out is
// nil. It fails the test on any error.
func (c *Client) Post(tb testing.TB, path string, in, out any) {
	tb.Helper()
	if err := c.Do(http.MethodPost, path, in, out); err != nil {
		tb.Fatal(err)
	}
}

// Delete sends a DELETE request. It fails the test on any error except 404. If a request takes
// longer than a minute, the broker closes the connection but continues its work: the deletion of a
// vhost with many queues, on a busy machine. Delete then repeats the request up to five times.
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

// Exists reports whether a GET request for the path succeeds. It returns false for a 404 and fails
// the test on any other error.
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
