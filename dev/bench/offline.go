package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/dev/bench/process"
	"github.com/msgctl/msgctl/dev/bench/reference"
	"github.com/msgctl/msgctl/internal/cputime"
)

// offlineQueues is the number of queues in the topology file. Each queue has two bindings.
const offlineQueues = 10_000

// offlineRounds is the number of runs of each program.
const offlineRounds = 7

// offline compares lint and test on a large topology file with a bare YAML parser on the same file.
func (b *benchmark) offline(ctx context.Context) error {
	path := filepath.Join(b.dir, "large.yaml")
	if err := writeLarge(path); err != nil {
		return err
	}
	commands := []string{"lint", "test"}
	wall, cpu := map[string][]time.Duration{}, map[string][]time.Duration{}
	for range offlineRounds {
		for _, c := range commands {
			u, err := process.Run(ctx, nil, b.msgctl(), c, "-f", path)
			if err != nil {
				return err
			}
			wall[c], cpu[c] = append(wall[c], u.Wall), append(cpu[c], u.CPU)
		}
		parse, err := bareYAML(path)
		if err != nil {
			return err
		}
		cpu["parse"] = append(cpu["parse"], parse)
	}
	b.out.heading(fmt.Sprintf("%d queues, %d bindings, without a broker", offlineQueues, 2*offlineQueues))
	parsed := median(cpu["parse"])
	for _, c := range commands {
		w, p := median(wall[c]), median(cpu[c])
		b.out.atMost("msgctl "+c+", in s", w.Seconds(), 1, fmt.Sprintf("processor %v, least %v", p.Round(time.Millisecond),
			slices.Min(wall[c]).Round(time.Millisecond)))
		b.out.atMost("processor time / a bare YAML parser's", ratio(p, parsed), 8,
			fmt.Sprintf("%v / %v", p.Round(time.Millisecond), parsed.Round(time.Millisecond)))
	}
	return nil
}

// bareYAML returns the processor time that yaml.v3 takes to parse a file into nodes. Every program
// that reads the file needs at least this.
func bareYAML(path string) (time.Duration, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	before := cputime.Used()
	var tree yaml.Node
	err = yaml.Unmarshal(text, &tree)
	return cputime.Used() - before, err
}

// writeLarge writes a topology without findings that has dead letters and a test.
func writeLarge(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprint(w, "version: 1\nname: bench\nexchanges:\n  events: { type: topic }\n  work: {}\n  dlx: {}\n",
		"policies:\n  limit: { pattern: \"^bench.queue.1\", definition: { max-length: 100000, overflow: reject-publish } }\n",
		"queues:\n  dead:\n    bindings: [{ exchange: dlx, key: dead }]\n")
	for i := range offlineQueues {
		fmt.Fprintf(w, "  %s:\n    type: classic\n    bindings:\n      - { exchange: events, key: order.k%d.# }\n      - "+
			"{ exchange: work, key: k%d }\n    deadLetter: { exchange: dlx, key: dead }\n", reference.QueueName(i), i, i)
	}
	fmt.Fprintf(w, "tests:\n  - name: one\n    publish: { exchange: events, key: order.k5.created }\n    reject: %s\n  "+
		"  expect: [dead]\n", reference.QueueName(5))
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
