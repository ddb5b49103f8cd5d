package health

import (
	"fmt"
	"strings"
)

func clusterItems() []Item {
	return []Item{
		{
			ID: "alarms", Title: "Nodes run, and have memory and disk to spare",
			Why: "At the limit all publishers are blocked.", check: checkNodes,
			Fix: "Let consumers catch up, add memory or disk, or raise vm_memory_high_watermark and disk_free_limit.",
		},
		{
			ID: "disk-limit", Title: "The limit of free disk is not the default",
			Why: "With 50 MB left the alarm comes too late: the disk is full before publishers stop.", check: checkDiskLimit,
			Fix: "Set disk_free_limit.relative = 1.0 in rabbitmq.conf (as much as the node has memory), or several GB.",
		},
		{
			ID: "replicas", Title: "Queues have all their members",
			Why: "A queue without a majority of members serves nobody; with one missing, the next failure stops it.", check: checkReplicas,
			Fix: "Start the nodes; rabbitmq-queues grow and shrink mend the members after a node is gone for good.",
		},
		{
			ID: "feature-flags", Title: "All stable feature flags are enabled",
			Why: "The next upgrade requires them, and refuses to start without.", check: checkFeatureFlags,
			Fix: "rabbitmqctl enable_feature_flag all",
		},
		{
			ID: "deprecated-features", Title: "No deprecated feature is in use",
			Why: "A coming version refuses it.", check: checkDeprecated,
			Fix: "See rabbitmq.com/docs/deprecated-features for what takes its place.",
		},
	}
}

func checkNodes(in *Inspection) (Verdict, []string) {
	if !in.Has(PartNodes) {
		return unread(in, PartNodes)
	}
	var list []Problem
	add := func(v Verdict, id, next, format string, args ...any) {
		list = append(list, Problem{ID: id, Verdict: v, Text: fmt.Sprintf(format, args...), Next: next})
	}
	for _, n := range in.Nodes {
		n.problems(add)
	}
	connectionProblems(in.Facts, add)
	if len(list) == 0 {
		return OK, []string{plural(len(in.Nodes), "node", "nodes") + ", no alarm"}
	}
	var evidence []string
	for _, p := range list {
		evidence = append(evidence, p.Text)
	}
	return Worst(list), evidence
}

// defaultDiskLimit is what a node has that was told nothing: 50 MB (rabbitmq.com/docs/disk-alarms;
// seen on 3.10.8, 4.0.5, 4.3.6).
const defaultDiskLimit = 50_000_000

func checkDiskLimit(in *Inspection) (Verdict, []string) {
	if !in.Has(PartNodes) {
		return unread(in, PartNodes)
	}
	var low []string
	for _, n := range in.Nodes {
		if n.Running && !n.Measured() {
			return Unknown, []string{fmt.Sprintf("node %q has just started and does not tell yet", n.Name)}
		}
		if n.Running && n.DiskLimit <= defaultDiskLimit {
			low = append(low, n.Name)
		}
	}
	if len(low) > 0 {
		return Warning, []string{plural(len(low), "node waits", "nodes wait") + " until 50 MB are left: " + some(low)}
	}
	return OK, []string{"all of " + plural(len(in.Nodes), "node", "nodes")}
}

func checkReplicas(in *Inspection) (Verdict, []string) {
	var list []Problem
	queueProblems(in.Facts, func(v Verdict, id, next, format string, args ...any) {
		list = append(list, Problem{ID: id, Verdict: v, Text: fmt.Sprintf(format, args...), Next: next})
	})
	if len(list) == 0 {
		return OK, []string{"all of " + plural(len(in.Facts.Queues), "queue", "queues")}
	}
	var evidence []string
	for _, p := range list {
		evidence = append(evidence, p.Text)
	}
	return Worst(list), evidence
}

func checkFeatureFlags(in *Inspection) (Verdict, []string) {
	if !in.Has(PartFeatures) {
		return unread(in, PartFeatures)
	}
	if len(in.DisabledFlags) > 0 {
		return Warning, []string{plural(len(in.DisabledFlags), "is", "are") + " disabled: " + some(in.DisabledFlags)}
	}
	return OK, []string{"all of them, for RabbitMQ " + in.Version}
}

func checkDeprecated(in *Inspection) (Verdict, []string) {
	if !in.Has(PartDeprecated) {
		if strings.HasPrefix(in.Unread[PartDeprecated], "this broker") {
			return Unknown, []string{"RabbitMQ " + in.Version + " does not tell; 4.0 and newer do"}
		}
		return unread(in, PartDeprecated)
	}
	if len(in.Deprecated) > 0 {
		return Warning, []string{some(in.Deprecated)}
	}
	return OK, []string{"none"}
}
