package health

import (
	"fmt"

	"github.com/msgctl/msgctl/internal/terminal"
)

func messageChecks() []Check {
	return []Check{
		{
			ID: "dead-letters", needs: PartTopology, Title: "Every queue dead-letters",
			Why: "A message that is rejected, or that fails too often, is dropped silently.", run: checkDeadLettering,
			Fix: "Give the queue a deadLetter exchange or key in the topology file, or set it by a policy. Only new queues " +
				"can be given it as an argument.",
		},
		{
			ID: "dead-letters-arrive", needs: PartTopology, Title: "Dead letters reach a queue",
			Why: "The broker drops a dead letter that no binding matches, without an error or a log line.", run: checkLosing,
			Fix: "Bind a queue to the dead-letter exchange for that key: msgctl lint on the live broker shows which.",
		},
		{
			ID: "retries", needs: PartTopology, Title: "Messages are redelivered a limited number of times",
			Why: "A message that can never be handled is redelivered forever.", run: checkRetries,
			Fix: "Give the queue retry: { backoff: [5s, 30s, 5m] }, a deadLetter, or, if it is a quorum queue, a deliveryLimit.",
		},
		{
			ID: "dead-letters-waiting", needs: PartTopology, Title: "Dead-letter queues are empty",
			Why: "Each dead letter is something that did not happen, such as an order or a payment.", run: checkWaiting,
			Fix: "msgctl dlq inspect QUEUE shows why; msgctl dlq replay QUEUE sends them back.",
		},
		{
			ID: "consumers", needs: PartConsumers, Title: "Queues with messages have consumers",
			Why: "They grow until a limit, the disk or the memory is reached.", run: checkIdle,
			Fix: "Start the consumer, or delete the queue or its bindings.",
		},
		{
			ID: "queue-limits", needs: PartTopology, Title: "No queue is nearly full", run: func(in *Inspection) (Status,
				[]string) {
				return found(in, "no queue has reached 80 % of its max-length or max-length-bytes", "queue-near-limit")
			},
			Why: "At the limit messages are dropped, dead-lettered or refused.",
			Fix: "Let consumers catch up, or raise the limit.",
		},
		{
			ID: "migrations", needs: PartTopology, Title: "Every migration of a queue was finished",
			Why: "Messages wait where no consumer gets them.", run: checkMigrations,
			Fix: "msgctl queue jobs ls lists them; msgctl queue jobs resume ID goes on.",
		},
		{
			ID: "policies", needs: PartTopology, Title: "Policies apply as they are written", run: func(in *Inspection) (Status,
				[]string) {
				return found(in, "no policy is disabled, tied, shadowed or out of date", "policy-disabled-by-key",
					"policy-priority-tie", "policy-shadowed", "policy-refused", "dead-letter-shadowed")
			},
			Why: "One key that a queue does not support, or another policy that matches, disables all keys of a policy.",
			Fix: "msgctl lint on the live broker shows what is wrong with each.",
		},
		{
			ID: "definitions", Title: "The topology is kept in a file",
			Why: "What exists only on the broker can be neither reviewed nor restored after a disaster.",
			run: checkDefinitions,
			Fix: "msgctl export > topology.yaml writes the file, msgctl apply applies it; pass it to doctor with -f.",
		},
	}
}

func names(list [][2]string) []string {
	text := make([]string, len(list))
	for i, q := range list {
		text[i] = q[0] + "/" + q[1]
	}
	return text
}

func checkDeadLettering(in *Inspection) (Status, []string) {
	var without [][2]string
	for _, q := range in.Work {
		if !in.DeadLettering[q] {
			without = append(without, q)
		}
	}
	if len(without) > 0 {
		return Warning, []string{fmt.Sprintf("%s of %s without dead-lettering: %s", terminal.FormatCount(int64(len(without))),
			plural(len(in.Work), "queue", "queues"), NameSome(names(without)))}
	}
	return OK, []string{"all of " + plural(len(in.Work), "queue", "queues")}
}

func checkLosing(in *Inspection) (Status, []string) {
	if len(in.Losing) == 0 {
		return OK, []string{"no dead letter is lost, as far as the topology shows"}
	}
	var evidence []string
	for _, x := range in.Losing[:min(len(in.Losing), maxNamed)] {
		evidence = append(evidence, fmt.Sprintf("queue %q of vhost %q: %s", x.Queue, x.VHost, x.Reason))
	}
	if more := len(in.Losing) - maxNamed; more > 0 {
		evidence = append(evidence, fmt.Sprintf("and %d more", more))
	}
	return Error, evidence
}

func checkRetries(in *Inspection) (Status, []string) {
	var without [][2]string
	for _, q := range in.Work {
		if !in.Bounded[q] && !in.DeadLettering[q] {
			without = append(without, q)
		}
	}
	var evidence []string
	if len(without) > 0 {
		evidence = append(evidence, fmt.Sprintf("%s of %s with neither a delivery limit nor dead-lettering: %s",
			terminal.FormatCount(int64(len(without))), plural(len(in.Work), "queue", "queues"), NameSome(names(without))))
	}
	for _, l := range in.Lifted {
		evidence = append(evidence, l.Text+"; "+l.Next)
	}
	if len(evidence) > 0 {
		return Warning, evidence
	}
	return OK, []string{"all of " + plural(len(in.Work), "queue", "queues")}
}

func checkWaiting(in *Inspection) (Status, []string) {
	if len(in.Waiting) == 0 {
		return OK, []string{"every dead-letter queue is empty"}
	}
	var sum int64
	list := make([]string, len(in.Waiting))
	for i, x := range in.Waiting {
		sum += x.Ready
		list[i] = fmt.Sprintf("%s/%s (%s)", x.VHost, x.Queue, terminal.FormatCount(x.Ready))
	}
	return Warning, []string{fmt.Sprintf("%s: %s", plural(int(sum), "dead letter", "dead letters"), NameSome(list))}
}

func checkMigrations(in *Inspection) (Status, []string) {
	var evidence []string
	for _, x := range in.Interrupted {
		evidence = append(evidence, x.Text+"; "+x.Next)
	}
	if len(evidence) > 0 {
		return Warning, evidence
	}
	return OK, []string{"none was interrupted"}
}

func checkIdle(in *Inspection) (Status, []string) {
	if len(in.Idle) == 0 {
		return OK, []string{"every queue with messages has a consumer"}
	}
	list := make([]string, len(in.Idle))
	for i, x := range in.Idle {
		list[i] = fmt.Sprintf("%s/%s (%s)", x.VHost, x.Queue, terminal.FormatCount(x.Ready))
	}
	return Warning, []string{plural(len(list), "queue has", "queues have") + " messages and no consumer: " +
		NameSome(list)}
}

func checkDefinitions(in *Inspection) (Status, []string) {
	switch d := in.Declared; {
	case d == nil:
		return Unknown, []string{"no topology file was given to compare with: -f topology.yaml"}
	case d.Problem != "":
		return Warning, []string{d.Problem}
	case d.Pending > 0:
		return Warning, []string{fmt.Sprintf("%s from %s: msgctl plan shows them",
			plural(d.Pending, "object differs", "objects differ"), NameSome(d.Files))}
	default:
		return OK, []string{"everything is as declared in " + NameSome(d.Files)}
	}
}
