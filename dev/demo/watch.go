package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"
)

// watching bounds how long a command that watches may take to begin and, once something happened,
// to end.
const watching = 30 * time.Second

// beside runs f while another command watches, and waits for that one: it has to end by itself,
// with status 0, and its output follows that of f.
func (p player) beside(ctx context.Context, args []string, f func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.program, args...)
	out := &strings.Builder{}
	cmd.Env, cmd.Stdout = p.env, out
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := time.AfterFunc(watching, cancel)
	defer stop.Stop()
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		fmt.Fprintln(os.Stderr, lines.Text())
		if strings.HasPrefix(lines.Text(), "Watching") {
			break
		}
	}
	acted := f()
	for lines.Scan() {
		fmt.Fprintln(os.Stderr, lines.Text())
	}
	err = cmd.Wait()
	fmt.Fprint(os.Stdout, out)
	if ctx.Err() != nil && acted == nil {
		return fmt.Errorf("msgctl %s did not end in %s", strings.Join(args, " "), watching)
	}
	return errors.Join(acted, err)
}

// reject stands for a consumer that takes one message of a queue and rejects it.
func reject(ctx context.Context, api, queue string) error {
	v := vhost{name: vhostName, api: api}
	path := "/api/queues/" + url.PathEscape(v.name) + "/" + url.PathEscape(queue) + "/get"
	return v.must(ctx, http.MethodPost, path, map[string]any{"count": 1, "ackmode": "reject_requeue_false",
		"encoding": "auto"})
}
