package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const (
	example     = "examples/topology.yaml"
	deadLetters = "examples/dead-letters.ndjson"
)

// step is one command of the demo. A new one is a new line in the table of steps.
type step struct {
	say    string // what the reader is about to see, and why it matters
	args   string // msgctl's arguments, separated by spaces
	status int    // the exit status that the demo promises
}

func steps() []step {
	return slices.Concat(topologySteps(), eventSteps(), deadLetterSteps(), []step{{
		"And away with it: what the file declares is deleted. Messages would be lost, so their number must be named.",
		"destroy -f " + example + " --max-message-loss 7 --yes", 0,
	}})
}

func topologySteps() []step {
	return []step{
		{
			"The topology is a file: three exchanges, four queues, and the events that travel through them. First, is it " +
				"sound? This needs no broker, so it also runs in an editor and in a pull request.",
			"validate -f " + example, 0,
		},
		{
			"What would change on the broker? It is empty, so everything is new. With --detailed-exitcode the exit status 2 " +
				"tells a pipeline that there is something to do.",
			"plan -f " + example + " --detailed-exitcode", 2,
		},
		{
			"Do it. Without --yes, msgctl shows the plan and asks first.",
			"apply -f " + example + " --yes", 0,
		},
		{
			"Ask again: the broker now is what the file says, so the exit status is 0.",
			"plan -f " + example + " --detailed-exitcode", 0,
		},
		{
			"Applying twice is safe: the second time changes nothing.",
			"apply -f " + example + " --yes", 0,
		},
		{
			"The other way round: a live broker as a file. This is how an existing RabbitMQ comes into git.",
			"export", 0,
		},
	}
}

func eventSteps() []step {
	return []step{
		{
			"The file knows the events, too: where each goes, and who gets it.",
			"events ls -f " + example, 0,
		},
		{
			"Publish one. Its payload is checked against its JSON Schema; the broker confirms it, and that it reached a queue.",
			"publish order.created -f " + example + " --sample", 0,
		},
		{
			"An invalid one is refused before anything is sent, with all that is wrong with it.",
			`publish order.created -f ` + example + ` --data {"orderId":7,"currency":"euro"}`, 1,
		},
	}
}

func deadLetterSteps() []step {
	return []step{
		{
			"Now messages die. Here an archive stands for consumers that rejected some and left others to expire: six dead " +
				"letters, restored with all that the broker noted about their deaths.",
			"dlq import " + deadLetters + " --progress none", 0,
		},
		{
			"Two in the morning: where are dead letters, since when, from whom?",
			"dlq ls", 0,
		},
		{
			"What are they? Looking takes nothing out, and says first what it does to the queue.",
			"dlq inspect dead-letter.queue --group-by reason,queue", 0,
		},
		{
			"One of them, with its history in words.",
			"dlq inspect dead-letter.queue --id m-1002", 0,
		},
		{
			"Where would they go? Each to the queue in which it died, so that nobody else gets it twice.",
			"dlq replay --dry-run", 0,
		},
		{
			"Replay those that only expired. Each leaves the queue after the broker has confirmed its copy.",
			`dlq replay dead-letter.queue --where reason=="expired" --progress none`, 0,
		},
		{
			"The rest stays where it was, in its order.",
			"dlq inspect dead-letter.queue", 0,
		},
	}
}

// player runs msgctl commands with the demo's connection settings.
type player struct {
	program string
	env     []string
}

func runSteps(ctx context.Context, n *narrator, p player) error {
	all := steps()
	for i, s := range all {
		n.step(i+1, len(all), s.say, "msgctl "+s.args)
		status, err := p.run(ctx, strings.Fields(s.args))
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

// run returns the exit status; the command writes straight to the terminal, so that it looks as it would for a user.
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
