package demo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

const vhostName = "msgctl-demo"

// finishWithin limits requests that continue after the demo is interrupted.
const finishWithin = 30 * time.Second

// vhost is the vhost of the demo. It calls the management API directly, because a fault in the
// client of msgctl would otherwise stay hidden.
type vhost struct {
	name, url, api string
}

// newVHost creates a vhost. It refuses a name that exists already, because the demo deletes the
// vhost at the end and an existing one may belong to somebody else. If newVHost fails or is
// interrupted, it leaves no vhost behind.
func newVHost(ctx context.Context, broker *node.Node, name string) (vhost, error) {
	u, err := url.Parse(broker.URL)
	if err != nil {
		return vhost{}, fmt.Errorf("read the broker's address: %w", err)
	}
	login := u.User.Username()
	u.Path = "/" + name
	v := vhost{name: name, url: u.String(), api: broker.API}
	switch status, err := v.ask(ctx, http.MethodGet, v.path(), nil); {
	case err != nil:
		return vhost{}, err
	case status == http.StatusOK:
		return vhost{}, fmt.Errorf("the vhost %s exists already, perhaps from a demo that was killed; "+
			"delete it if it is not needed (rabbitmqctl delete_vhost %s) and run the demo again", name, name)
	}
	// The broker completes a request even if the client no longer waits for the response.
	working, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	status, err := v.ask(working, http.MethodPut, v.path(), map[string]any{})
	if err == nil && status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		return vhost{}, fmt.Errorf("create the vhost %s (the user %s must be an administrator): the broker answered %s",
			name, login, http.StatusText(status))
	}
	if err == nil && ctx.Err() == nil {
		all := map[string]string{"configure": ".*", "write": ".*", "read": ".*"}
		err = v.must(working, http.MethodPut, "/api/permissions/"+url.PathEscape(name)+"/"+url.PathEscape(login), all)
	}
	if err = cmp.Or(ctx.Err(), err); err != nil {
		return vhost{}, errors.Join(err, v.remove(context.WithoutCancel(ctx)))
	}
	return v, nil
}

func (v vhost) path() string { return "/api/vhosts/" + url.PathEscape(v.name) }

func (v vhost) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, finishWithin)
	defer cancel()
	return v.must(ctx, http.MethodDelete, v.path(), nil)
}

func (v vhost) must(ctx context.Context, method, path string, body any) error {
	status, err := v.ask(ctx, method, path, body)
	if err == nil && status >= http.StatusMultipleChoices {
		return fmt.Errorf("the broker answered %s to %s %s", http.StatusText(status), method, path)
	}
	return err
}

func (v vhost) ask(ctx context.Context, method, path string, body any) (status int, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(v.api, "/")+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 30 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
