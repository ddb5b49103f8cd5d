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

// watching limits the run time of a command that watches, from its start to its end.
const watching = 30 * time.Second

// beside runs f while another command watches, and waits for that command. The command must end by
// itself with status 0. Its output is printed after the output of f.
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

// reject takes one message from a queue and rejects it without requeueing, as a consumer would.
func reject(ctx context.Context, api, queue string) error {
	v := vhost{name: vhostName, api: api}
	path := "/api/queues/" + url.PathEscape(v.name) + "/" + url.PathEscape(queue) + "/get"
	return v.must(ctx, http.MethodPost, path, map[string]any{"count": 1, "ackmode": "reject_requeue_false",
		"encoding": "auto"})
}
