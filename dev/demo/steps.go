package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/shell"
)

const (
	example     = "examples/topology.yaml"
	deadLetters = "examples/dead-letters.ndjson"
	retries     = "examples/retries.yaml"
)

// step is one command of the demo. Add a step as a row in the table in steps.
type step struct {
	say    string // what the reader is about to see, and why it matters
	args   string // msgctl's arguments, separated by spaces
	status int    // the exit status that the demo promises
	watch  string // arguments of another msgctl that watches meanwhile
	reject string // before: a consumer rejects a message of this queue
}

func steps() []step {
	return slices.Concat(topologySteps(), eventSteps(), deadLetterSteps(), retrySteps(), []step{{
		say:  "Clean up: delete what the file declares. That loses messages, so the command must allow how many.",
		args: "destroy -f " + example + " --max-message-loss 7 --yes",
	}})
}

func topologySteps() []step {
	return []step{
		{
			say: "The topology is a file: three exchanges, four queues, and the events that travel through them. First, is it " +
				"sound? This needs no broker, so it also runs in an editor and in a pull request.",
			args: "validate -f " + example,
		},
		{
			say: "Does every message arrive? The file has tests: what is published where, what happens when it is " +
				"rejected or expires. They run in milliseconds, without a broker.",
			args: "test -f " + example,
		},
		{
			say:  "And why? Every hop of one message, with the rule that led there, to the queue where it ends.",
			args: "route -f " + example + " order.created --reject orders.created.queue",
		},
		{
			say:  "A file can be right and still lose messages. lint finds mistakes that a broker would accept silently.",
			args: "lint -f " + example,
		},
		{
			say: "What would change on the broker? It is empty, so everything is new. With --detailed-exitcode the exit " +
				"status 2 tells a pipeline that there is something to do.",
			args: "plan -f " + example + " --detailed-exitcode", status: 2,
		},
		{
			say:  "Do it. Without --yes, msgctl shows the plan and asks first.",
			args: "apply -f " + example + " --yes",
		},
		{
			say:  "Ask again: the broker now matches the file, so the exit status is 0.",
			args: "plan -f " + example + " --detailed-exitcode",
		},
		{
			say:  "Applying twice is safe: the second time changes nothing.",
			args: "apply -f " + example + " --yes",
		},
		{
			say: "Does RabbitMQ see it the same way? The same tests once more, with real messages in a vhost that " +
				"disappears afterwards.",
			args: "test -f " + example + " --live",
		},
		{
			say:  "The other way round: a live broker as a file. This is how to put an existing RabbitMQ into git.",
			args: "export",
		},
	}
}

func eventSteps() []step {
	return []step{
		{
			say:  "The file also declares the events: where each is published, and which queues receive it.",
			args: "events ls -f " + example,
		},
		{
			say: "Publish one. Its payload is checked against its JSON Schema; the broker confirms it, and " +
				"that it reached a queue. At the same time, tail watches the exchange without consuming: its line comes last.",
			args:  "publish order.created -f " + example + " --sample",
			watch: "tail order.# -f " + example + " --limit 1 --idle-timeout 20s",
		},
		{
			say:  "An invalid event is refused before anything is sent. Every violation is reported.",
			args: `publish order.created -f ` + example + ` --data {"orderId":7,"currency":"euro"}`, status: 1,
		},
	}
}

func deadLetterSteps() []step {
	return []step{
		{
			say: "A consumer takes the event and rejects it. It is not lost: the broker moves it to the dead-letter " +
				"queue, with a note.",
			reject: "orders.created.queue",
			args:   "dlq inspect dead-letter.queue",
		},
		{
			say:  "The consumer is fixed: the event goes back to the queue where it died.",
			args: "dlq replay dead-letter.queue --progress none",
		},
		{
			say: "Now more messages die. Here an archive stands for consumers that rejected some and left others to expire: " +
				"six dead " +
				"letters, restored with their death history.",
			args: "dlq import " + deadLetters + " --progress none",
		},
		{
			say:  "Two in the morning: where are dead letters, since when, and from which queues?",
			args: "dlq ls",
		},
		{
			say: "Is it the broker? One screen shows whether it is healthy; with -o nagios or prometheus it is a " +
				"probe.",
			args: "status --fail-on never",
		},
		{
			say: "And is it run as a production broker should be? The checklist looks at the live broker, with evidence for " +
				"every item. (This one is private, and new.)",
			args: "doctor -f " + example + " --fail-on never",
		},
		{
			say: "If you would rather sleep, let Prometheus watch: msgctl exporter serves this, msgctl alerts makes rules " +
				"for it.",
			args: "exporter --once",
		},
		{
			say:  "What are they? Browsing leaves them in the queue, and msgctl first says what it does to the queue.",
			args: "dlq inspect dead-letter.queue --group-by reason,queue",
		},
		{
			say:  "One of them, with its history in words.",
			args: "dlq inspect dead-letter.queue --id m-1002",
		},
		{
			say:  "Where would they go? Each to the queue in which it died, so that no other subscriber gets it twice.",
			args: "dlq replay --dry-run",
		},
		{
			say:  "Replay those that only expired. Each leaves the queue after the broker has confirmed its copy.",
			args: `dlq replay dead-letter.queue --where reason=="expired" --progress none`,
		},
		{
			say:  "The rest stays in the queue, in the same order.",
			args: "dlq inspect dead-letter.queue",
		},
	}
}

// retrySteps returns the steps in which a handler first fails twice and then succeeds, and later
// fails permanently.
func retrySteps() []step {
	return []step{
		{
			say: "Consumers fail. This queue has two retry steps: one second, then two seconds. A message that still " +
				"fails is dead-lettered. The plan shows how this broker implements the steps.",
			args: "apply -f " + retries + " --yes",
		},
		{say: "Two payments. The bank will be unreachable for the first two attempts of one, and does not know the " +
			"customer of the other.",
			args: "publish payment.requested -f " + retries + " --sample --set orderId=o-1"},
		{say: "The other.", args: "publish payment.requested -f " + retries + " --sample --set orderId=o-2"},
		{
			say: "Each is passed to a program, which exits with 0 (handled), 75 (later) or anything else (never). One is " +
				"handled at the third attempt, one is a dead letter, so the exit status is 3.",
			args: "consume payments.queue -f " + retries +
				" --exec examples/charge.sh --log-format text --idle-timeout 3s", status: 3,
		},
		{
			say:  "The dead letter records why.",
			args: "dlq inspect payments.failed --group-by error,queue",
		},
		{
			say: "The customer is known by now? It goes back to the queue where it failed, and its attempts are counted " +
				"from one again.",
			args: "dlq replay payments.failed --progress none",
		},
		{
			say:  "Clean up this example, including the payment in its queue.",
			args: "destroy -f " + retries + " --max-message-loss 7 --yes",
		},
	}
}

// player runs msgctl commands with the demo's connection settings.
type player struct {
	program string
	env     []string
	api     string // of the broker, with credentials
}

func runSteps(ctx context.Context, n *narrator, p player) error {
	all := steps()
	for i, s := range all {
		status, err := p.step(ctx, n, s, i+1, len(all))
		if err != nil {
			return err
		}
		if status != s.status {
			return fmt.Errorf("step %d: msgctl %s ended with status %d instead of %d", i+1, s.args, status, s.status)
		}
	}
	n.say("That was msgctl on a real RabbitMQ: every line above was printed by the program itself.")
	return nil
}

// step prints and runs one step, and returns the exit status of its command.
func (p player) step(ctx context.Context, n *narrator, s step, i, of int) (status int, err error) {
	command := commandLine(s.args)
	if s.watch != "" {
		command = commandLine(s.watch) + " &\n$ " + command
	}
	n.step(i, of, s.say, command)
	if s.reject != "" {
		if err := reject(ctx, p.api, s.reject); err != nil {
			return 0, err
		}
	}
	run := func() error {
		status, err = p.run(ctx, strings.Fields(s.args))
		return err
	}
	if s.watch == "" {
		err = run()
		return status, err
	}
	err = p.beside(ctx, strings.Fields(s.watch), run)
	return status, err
}

// commandLine returns the shell command for the arguments of a step.
func commandLine(args string) string {
	words := []string{"msgctl"}
	for _, arg := range strings.Fields(args) {
		words = append(words, shell.Quote(arg))
	}
	return strings.Join(words, " ")
}

// run runs msgctl and returns its exit status. The command writes straight to the terminal, so its
// output looks as it does for a user.
func (p player) run(ctx context.Context, args []string) (int, error) {
	cmd := exec.CommandContext(ctx, p.program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return 0, errors.New("interrupted")
	}
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
