package health

import "fmt"

func messageItems() []Item {
	return []Item{
		{
			ID: "dead-letters", Title: "Every queue dead-letters",
			Why: "A message that is rejected, or that fails too often, is dropped without a word.", check: checkDeadLettering,
			Fix: "Give the queue a deadLetter exchange or key in the topology file, or set it by a policy. Only new queues " +
				"can be given it as an argument.",
		},
		{
			ID: "dead-letters-arrive", Title: "Dead letters arrive somewhere",
			Why: "The broker drops a dead letter that no binding takes: no error, no log line.", check: checkLosing,
			Fix: "Bind a queue to the dead-letter exchange for that key: msgctl lint --live tells which.",
		},
		{
			ID: "retries", Title: "Messages come back a limited number of times",
			Why: "A message that can never be handled comes back for ever.", check: checkRetries,
			Fix: "Give the queue retry: { backoff: [5s, 30s, 5m] }, a deadLetter, or, if it is a quorum queue, a deliveryLimit.",
		},
		{
			ID: "dead-letters-waiting", Title: "No dead letters wait",
			Why: "Each is something that did not happen: an order, a payment. Nobody has looked after them yet.", check: checkWaiting,
			Fix: "msgctl dlq inspect QUEUE --group-by reason,queue shows why; msgctl dlq replay QUEUE puts them back.",
		},
		{
			ID: "consumers", Title: "Queues with messages have consumers",
			Why: "They grow until a limit, the disk or the memory stops them.", check: checkIdle,
			Fix: "Start the consumer, or remove the queue or its bindings.",
		},
		{
			ID: "queue-limits", Title: "No queue is nearly full", check: func(in *Inspection) (Verdict, []string) {
				return found(in, "no queue holds 80 % of its max-length or max-length-bytes", "queue-near-limit")
			},
			Why: "Beyond the limit messages are dropped, dead-lettered or refused.",
			Fix: "Let consumers catch up, or raise the limit.",
		},
		{
			ID: "policies", Title: "Policies do what they seem to", check: func(in *Inspection) (Verdict, []string) {
				return found(in, "no policy is disabled, tied, shadowed or out of date", "policy-disabled-by-key",
					"policy-priority-tie", "policy-shadowed", "policy-refused", "dead-letter-shadowed")
			},
			Why: "One key too many, or another policy, and none of a policy's keys apply.",
			Fix: "msgctl lint --live tells of each what is wrong.",
		},
		{
			ID: "definitions", Title: "The topology is kept in a file",
			Why: "What exists on the broker only cannot be reviewed, nor built again after a disaster.", check: checkDefinitions,
			Fix: "msgctl export > topology.yaml writes it, msgctl apply keeps it; give it to doctor with -f.",
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

func checkDeadLettering(in *Inspection) (Verdict, []string) {
	var without [][2]string
	for _, q := range in.Work {
		if !in.DeadLettering[q] {
			without = append(without, q)
		}
	}
	if len(without) > 0 {
		return Warning, []string{fmt.Sprintf("%d of %s without: %s", len(without), plural(len(in.Work), "queue", "queues"),
			some(names(without)))}
	}
	return OK, []string{"all of " + plural(len(in.Work), "queue", "queues")}
}

func checkLosing(in *Inspection) (Verdict, []string) {
	if len(in.Losing) == 0 {
		return OK, []string{"no dead letter gets lost, as far as the topology tells"}
	}
	var evidence []string
	for _, x := range in.Losing[:min(len(in.Losing), mostNamed)] {
		evidence = append(evidence, fmt.Sprintf("queue %q of vhost %q: %s", x.Queue, x.VHost, x.Reason))
	}
	if more := len(in.Losing) - mostNamed; more > 0 {
		evidence = append(evidence, fmt.Sprintf("and %d more", more))
	}
	return Error, evidence
}

func checkRetries(in *Inspection) (Verdict, []string) {
	var without [][2]string
	for _, q := range in.Work {
		if !in.Bounded[q] && !in.DeadLettering[q] {
			without = append(without, q)
		}
	}
	if len(without) > 0 {
		return Warning, []string{fmt.Sprintf("%d of %s with neither a delivery limit nor a place for what fails: %s",
			len(without), plural(len(in.Work), "queue", "queues"), some(names(without)))}
	}
	return OK, []string{"all of " + plural(len(in.Work), "queue", "queues")}
}

func checkWaiting(in *Inspection) (Verdict, []string) {
	if len(in.Waiting) == 0 {
		return OK, []string{"every dead-letter queue is empty"}
	}
	var sum int64
	list := make([]string, len(in.Waiting))
	for i, x := range in.Waiting {
		sum += x.Ready
		list[i] = fmt.Sprintf("%s/%s (%d)", x.VHost, x.Queue, x.Ready)
	}
	return Warning, []string{fmt.Sprintf("%s: %s", plural(int(sum), "dead letter", "dead letters"), some(list))}
}

func checkIdle(in *Inspection) (Verdict, []string) {
	if !in.Has(PartConsumers) {
		return unread(in, PartConsumers)
	}
	if len(in.Idle) == 0 {
		return OK, []string{"every queue with messages has a consumer"}
	}
	list := make([]string, len(in.Idle))
	for i, x := range in.Idle {
		list[i] = fmt.Sprintf("%s/%s (%d)", x.VHost, x.Queue, x.Ready)
	}
	return Warning, []string{plural(len(list), "queue has", "queues have") + " messages and no consumer: " + some(list)}
}

func checkDefinitions(in *Inspection) (Verdict, []string) {
	switch d := in.Declared; {
	case d == nil:
		return Unknown, []string{"no topology file was given to compare with: -f topology.yaml"}
	case d.Problem != "":
		return Warning, []string{d.Problem}
	case d.Pending > 0:
		return Warning, []string{fmt.Sprintf("%s not as %s says: msgctl plan shows them",
			plural(d.Pending, "object is", "objects are"), some(d.Files))}
	default:
		return OK, []string{"everything is as " + some(d.Files) + " says"}
	}
}
