package health

import "fmt"

func clusterChecks() []Check {
	return []Check{
		{
			ID: "alarms", needs: PartNodes, Title: "Nodes run, and have memory and disk to spare",
			Why: "At the limit all publishers are blocked.", run: checkNodes,
			Fix: "Let consumers catch up, add memory or disk, or raise vm_memory_high_watermark and disk_free_limit.",
		},
		{
			ID: "disk-limit", needs: PartNodes, Title: "The limit of free disk is not the default",
			Why: "With 50 MB left the alarm comes too late: the disk is full before publishers stop.", run: checkDiskLimit,
			Fix: "Set disk_free_limit.relative = 1.0 in rabbitmq.conf (as much as the node has memory), or several GB.",
		},
		{
			ID: "replicas", Title: "Queues have all their members",
			Why: "A queue without a majority of its members is unavailable; with one missing, the next failure stops it.",
			run: checkReplicas,
			Fix: "Start the nodes. After a node is gone for good, rabbitmq-queues grow and shrink replace its members.",
		},
		{
			ID: "feature-flags", needs: PartFeatures, Title: "All stable feature flags are enabled",
			Why: "The next version requires them, and does not start without.", run: checkFeatureFlags,
			Fix: "rabbitmqctl enable_feature_flag all",
		},
		{
			ID: "deprecated-features", needs: PartDeprecated, Title: "No deprecated feature is in use",
			Why: "A future version will refuse it.", run: checkDeprecated,
			Fix: "See rabbitmq.com/docs/deprecated-features for what replaces it.",
		},
	}
}

func checkNodes(in *Inspection) (Status, []string) {
	var list problemList
	for _, n := range in.Nodes {
		n.problems(&list)
	}
	connectionProblems(in.Facts, &list)
	return list.result(plural(len(in.Nodes), "node", "nodes") + ", no alarm")
}

// defaultDiskLimit is disk_free_limit's default, 50 MB (rabbitmq.com/docs/disk-alarms).
const defaultDiskLimit = 50_000_000

func checkDiskLimit(in *Inspection) (Status, []string) {
	var low []string
	for _, n := range in.Nodes {
		if n.Running && !n.Measured() {
			return Unknown, []string{fmt.Sprintf("node %q has just started and does not report yet", n.Name)}
		}
		if n.Running && n.DiskLimit <= defaultDiskLimit {
			low = append(low, n.Name)
		}
	}
	if len(low) > 0 {
		return Warning, []string{plural(len(low), "node waits", "nodes wait") + " until 50 MB are left: " + NameSome(low)}
	}
	return OK, []string{"all of " + plural(len(in.Nodes), "node", "nodes")}
}

func checkReplicas(in *Inspection) (Status, []string) {
	var list problemList
	queueProblems(in.Facts, &list)
	return list.result("all of " + plural(len(in.Facts.Queues), "queue", "queues"))
}

// result turns problems into the result of a check; clear is the evidence without any.
func (l problemList) result(clear string) (Status, []string) {
	if len(l) == 0 {
		return OK, []string{clear}
	}
	var evidence []string
	for _, p := range l {
		evidence = append(evidence, p.Text)
	}
	return Worst(l), evidence
}

func checkFeatureFlags(in *Inspection) (Status, []string) {
	if len(in.DisabledFlags) > 0 {
		return Warning, []string{plural(len(in.DisabledFlags), "is", "are") + " disabled: " + NameSome(in.DisabledFlags)}
	}
	return OK, []string{"all of them, for RabbitMQ " + in.Version}
}

func checkDeprecated(in *Inspection) (Status, []string) {
	if len(in.Deprecated) > 0 {
		return Warning, []string{NameSome(in.Deprecated)}
	}
	return OK, []string{"none"}
}
