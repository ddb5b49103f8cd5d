package management

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/msgctl/msgctl/internal/refusal"
)

// Refusal is an answer of the management API other than success.
type Refusal struct {
	status   int
	code     string // "bad_request", "not_authorised"
	reason   string
	location string
	json     bool
	body     []byte // at most maxRefusal
}

// Error implements error.
func (e *Refusal) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.code, e.reason) }

func newAPIError(res *http.Response) *Refusal {
	e := &Refusal{status: res.StatusCode, location: res.Header.Get("Location")}
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

// denied reports whether the API refused for want of permission.
func (e *Refusal) denied() bool {
	return e.status == http.StatusUnauthorized || e.status == http.StatusForbidden
}

// isLoginRefused reports whether the API answered that it does not know this user or password. All
// lines write "not_authorized" then, and "not_authorised" for want of a tag or of permissions: that
// is final.
func isLoginRefused(err error) bool {
	var answer *Refusal
	return errors.As(err, &answer) && answer.status == http.StatusUnauthorized && answer.code == "not_authorized"
}

// IsNotFound reports whether the API answered that the object does not exist.
func IsNotFound(err error) bool {
	var answer *Refusal
	return errors.As(err, &answer) && answer.status == http.StatusNotFound
}

// missing makes "not found" a success.
func missing(err error) error {
	if IsNotFound(err) {
		return nil
	}
	return err
}

// MayHaveChanged reports whether a request that failed may have been carried out, or still may be.
// That is so if it was cut off, got no answer in time, or the broker failed in the middle of it.
func (a *Client) MayHaveChanged(err error) bool {
	var answer *Refusal
	var request *url.Error
	var dial *net.OpError
	handshake, _ := refusal.TLSReason(err)
	switch {
	case errors.As(err, &answer):
		return answer.status >= http.StatusInternalServerError
	case errors.As(err, &request) && request.Op == "Get", handshake != "":
		return false
	case errors.As(err, &dial) && dial.Op == "dial":
		return a.reached.Load() // a lost request is sent again, and the last attempt found no listener
	}
	return request != nil || refusal.IsNetwork(err) || errors.Is(err, context.Canceled)
}
