package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

const vhostName = "msgctl-demo"

// vhost is where the demo works. It speaks to the management API by itself: using msgctl's own
// client here would hide a fault in it.
type vhost struct {
	name, url, api string
}

// newVHost refuses a vhost that exists: the demo deletes it at the end, and it might be somebody's.
func newVHost(ctx context.Context, broker *node.Node) (vhost, error) {
	u, err := url.Parse(broker.URL)
	if err != nil {
		return vhost{}, fmt.Errorf("read the broker's address: %w", err)
	}
	login := u.User.Username()
	u.Path = "/" + vhostName
	v := vhost{name: vhostName, url: u.String(), api: broker.API}
	path := "/api/vhosts/" + url.PathEscape(v.name)
	switch status, err := v.ask(ctx, http.MethodGet, path, nil); {
	case err != nil:
		return vhost{}, err
	case status == http.StatusOK:
		return vhost{}, fmt.Errorf("the vhost %s exists already, perhaps from a demo that was killed; "+
			"delete it if it is not needed (rabbitmqctl delete_vhost %s) and run the demo again", v.name, v.name)
	}
	if err := v.must(ctx, http.MethodPut, path, map[string]any{}); err != nil {
		return vhost{}, fmt.Errorf("create the vhost %s (the user %s must be an administrator): %w", v.name, login, err)
	}
	all := map[string]string{"configure": ".*", "write": ".*", "read": ".*"}
	return v, v.must(ctx, http.MethodPut, "/api/permissions/"+url.PathEscape(v.name)+"/"+url.PathEscape(login), all)
}

func (v vhost) remove(ctx context.Context) error {
	return v.must(ctx, http.MethodDelete, "/api/vhosts/"+url.PathEscape(v.name), nil)
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
