package demo

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

func TestWrongStatusFailsTheDemo(t *testing.T) {
	var out bytes.Buffer
	err := runSteps(t.Context(), &narrator{out: &out}, player{program: "false"})
	if err == nil || !strings.Contains(err.Error(), "status 1 instead of 0") {
		t.Errorf("a program that only fails: %v", err)
	}
	if !strings.Contains(out.String(), "$ msgctl validate -f examples/topology.yaml") {
		t.Errorf("the command is not shown: %s", out.String())
	}
}

// TestCommandsCanBePasted: a shell makes of a command that is shown the arguments that it ran with.
func TestCommandsCanBePasted(t *testing.T) {
	all := slices.Concat(steps(), []step{{args: "x {\"a\":7} y==\"z\" 'q'"}})
	for _, s := range all {
		for _, args := range []string{s.args, s.watch} {
			line := commandLine(args)
			out, err := exec.CommandContext(t.Context(), "sh", "-c", "set -- "+line+` && printf '%s\n' "$@"`).Output()
			want := "msgctl\n" + strings.Join(append(strings.Fields(args), ""), "\n")
			if err != nil || string(out) != want {
				t.Errorf("%s: a shell reads %q (%v), want %q", line, out, err, want)
			}
		}
	}
}

func TestEnvironmentPointsAtTheDemoBrokerOnly(t *testing.T) {
	t.Setenv("MSGCTL_CONTEXT", "production")
	t.Setenv("RABBITMQ_HOST", "production")
	env := environment("/tmp/x", "amqp://u/v", "http://a")
	for _, kv := range env {
		if strings.Contains(kv, "production") {
			t.Errorf("the demo would see %s", kv)
		}
	}
	if !slices.Contains(env, "MSGCTL_URL=amqp://u/v") || !slices.Contains(env, "RABBITMQ_VHOST=msgctl-demo") {
		t.Errorf("the demo's own settings are missing: %v", env)
	}
}

func TestVHostIsCreatedOnceAndRemovedAlsoAfterInterrupt(t *testing.T) {
	b := rabbittest.Any(t)
	broker := &node.Node{URL: b.URL, API: b.API}
	admin := b.Admin()
	name := b.VHost(t).Name + "-demo"
	path := rabbittest.Path("vhosts", name)
	quiet := &narrator{out: &bytes.Buffer{}}
	ctx, cancel := context.WithCancel(t.Context())
	wanted := errors.New("interrupted")
	err := onVHost(ctx, quiet, broker, name, func(url string) error {
		if !admin.Exists(t, path) || !strings.HasSuffix(url, "/"+name) {
			t.Errorf("inside: the vhost is not there, or not in %s", url)
		}
		if err := onVHost(ctx, quiet, broker, name, func(string) error { return nil }); err == nil {
			t.Error("a vhost that exists was taken over")
		}
		cancel()
		return wanted
	})
	if !errors.Is(err, wanted) {
		t.Errorf("got %v", err)
	}
	if admin.Exists(t, path) {
		t.Error("the vhost is still there")
	}
}

// The broker creates the vhost although the demo was interrupted meanwhile.
func TestInterruptedWhileTheVHostIsCreated(t *testing.T) {
	b := rabbittest.Any(t)
	api, err := url.Parse(b.API)
	if err != nil {
		t.Fatal(err)
	}
	name := b.VHost(t).Name + "-demo"
	ctx, interrupt := context.WithCancel(t.Context())
	created := make(chan struct{})
	forward := httputil.NewSingleHostReverseProxy(api)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			defer close(created)
			interrupt()
			r, w = r.WithContext(context.WithoutCancel(r.Context())), struct{ http.ResponseWriter }{w}
		}
		forward.ServeHTTP(w, r)
	}))
	defer server.Close()
	through, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	through.User = api.User
	broker := &node.Node{URL: b.URL, API: through.String()}
	err = onVHost(ctx, &narrator{out: &bytes.Buffer{}}, broker, name, func(string) error { return nil })
	<-created
	if !errors.Is(err, context.Canceled) || b.Admin().Exists(t, rabbittest.Path("vhosts", name)) {
		t.Errorf("%v, and the vhost is there: %v", err, b.Admin().Exists(t, rabbittest.Path("vhosts", name)))
	}
}

func TestFold(t *testing.T) {
	got := fold(strings.Repeat("word ", 50))
	for line := range strings.Lines(got) {
		if len(strings.TrimRight(line, "\n")) > 100 || strings.HasSuffix(line, " \n") {
			t.Errorf("line %q", line)
		}
	}
	if strings.Join(strings.Fields(got), " ") != strings.TrimSpace(strings.Repeat("word ", 50)) {
		t.Error("words were lost")
	}
}
