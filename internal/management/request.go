package management

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	rabbithole "github.com/michaelklishin/rabbit-hole/v2"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/internal/refusal"
)

// path joins escaped segments: path("queues", "a/b") is "queues/a%2Fb". Some names
// cannot be addressed (fact dot-names-over-http).
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
func (a *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
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

// transientAttempts is how often a request is sent to a broker that fails for a moment
// (fact transient-500).
const transientAttempts = 5

// sendGet is send for requests that may be repeated.
func (a *Client) sendGet(ctx context.Context, path string) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		res, err := a.send(ctx, http.MethodGet, path, nil)
		var answer *Refusal
		if !errors.As(err, &answer) || answer.status != http.StatusInternalServerError || attempt == transientAttempts {
			return res, err
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// pause waits before the next attempt after a failure that passes, longer each time.
func pause(ctx context.Context, attempt int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(attempt) * 100 * time.Millisecond):
		return nil
	}
}

// retry repeats f while the established API cannot be reached. A refusal counts as an answer,
// except the refusal of a login that it accepted before.
func (a *Client) retry(ctx context.Context, f func() error) error {
	return reconnect.Repeat(ctx, a.policy, a.reached.Load(), func() error {
		err := f()
		var answer *Refusal
		if errors.As(err, &answer) || !transient(err) {
			return err
		}
		return a.unreachable(ctx, err)
	})
}

// transient reports whether a request failed because nothing listens or the connection was cut: the
// broker may be restarting.
func transient(err error) bool {
	return refusal.IsConnectionRefused(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		refusal.IsReset(err)
}

// get decodes one JSON value, leniently. Numbers stay json.Number in untyped places.
func (a *Client) get(ctx context.Context, path string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
	defer cancel()
	res, err := a.sendGet(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	return a.decoded(ctx, res, decodeFrom(res.Body, out))
}

// list decodes a JSON array element by element, so that memory holds one at a time. An element that
// has none of the columns asked for is an empty array in the broker's answer, and left out: a
// consumer whose queue has just gone, for one.
func list[T any](ctx context.Context, a *Client, path string, each func(*T) error) error {
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
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
		var text json.RawMessage
		if err := dec.Decode(&text); err != nil {
			return a.decoded(ctx, res, err)
		}
		if string(text) == "[]" {
			continue
		}
		item := new(T)
		if err := decode(text, item); err != nil {
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
func (a *Client) decoded(ctx context.Context, res *http.Response, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var odd *unreadable
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // the decoder takes it for the end of the text
		return ctx.Err()
	case errors.Is(err, errTooLong):
		return &refusal.Error{Op: "read " + a.base,
			Text: fmt.Sprintf("the answer is longer than %d MiB, which no management API sends",
				a.limit>>20), Sentinel: ErrAPI, Cause: err}
	case errors.As(err, &odd):
		return &refusal.Error{Op: "read " + a.base, Sentinel: ErrAPI, Cause: err,
			Text: fmt.Sprintf("%s: %s", res.Request.URL.Path, odd)}
	case errors.As(err, &syntax), errors.As(err, &kind), err.Error() == "no list":
		return &refusal.Error{Op: "read " + a.base, Sentinel: ErrAPI, Remedy: refusal.APIAddress, Cause: err,
			Text: fmt.Sprintf("the answer is not what RabbitMQ's management API sends (content type %q): is the address "+
				"right?", res.Header.Get("Content-Type"))}
	}
	return err
}

// hole returns a rabbit-hole client whose requests carry ctx. It is cheap: make one per call.
func (a *Client) hole(ctx context.Context) (*rabbithole.Client, error) {
	client, err := rabbithole.NewClient(a.base, a.opts.User, "") // RoundTrip logs in
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
func (a *Client) change(ctx context.Context, f func(*rabbithole.Client) (*http.Response, error)) error {
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
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

// do does one modifying request of our own.
func (a *Client) do(ctx context.Context, method, path string, body any) error {
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
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
