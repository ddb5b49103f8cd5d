package lint

const invalidFile = "invalid-file"

// fileRules are about the files themselves.
func fileRules() []Rule {
	return []Rule{
		{
			ID: invalidFile, Severity: Error, Title: "A problem that msgctl validate reports",
			Consequence: "The file cannot be applied as it is, or a part of it is ignored.",
			Fix:         "Fix it; msgctl validate reports the same.",
			Bad:         "queues: { orders: { maxLenght: 10 } }\n",
			Good:        "queues: { orders: { maxLength: 10, overflow: reject-publish } }\n",
		},
		{
			ID: "left-out", Severity: Note, Title: "A part of a definitions file that msgctl ignores",
			Consequence: "msgctl does not apply it: it belongs to the cluster that the file was exported from, or " +
				"to a connection, or exists on every broker.",
			Fix:  "None is needed; remove it if the note disturbs you.",
			Bad:  `{"vhosts": [{"name": "/"}], "queues": [{"name": "a", "vhost": "/", "durable": true, "arguments": {}}], "global_parameters": [{"name": "cluster_name", "value": "rabbit@a"}]}`,
			Good: `{"vhosts": [{"name": "/"}], "queues": [{"name": "a", "vhost": "/", "durable": true, "arguments": {}}]}`,
		},
		{
			ID: ignoreWithoutReason, Severity: Warning, Title: "A finding is ignored without a reason",
			Consequence: "Nobody dares to remove the comment, and nobody knows whether it still applies.",
			Fix:         "Add the reason after the rule: # msgctl:ignore RULE reason.",
			Bad:         "queues:\n  orders: { maxLength: 10 } # msgctl:ignore limit-without-dead-letters\n",
			Good: "queues:\n  orders: { maxLength: 10 } # msgctl:ignore limit-without-dead-letters only the newest " +
				"prices count\n",
		},
		{
			ID: ignoreUnknownRule, Severity: Warning, Title: "A comment that ignores an unknown rule",
			Consequence: "It ignores nothing.",
			Fix:         "Correct the rule's name: docs/lint.md lists all.",
			Bad:         "queues:\n  orders: {} # msgctl:ignore limit-without-dead-leters only the newest count\n",
			Good: "queues:\n  orders: { maxLength: 10 } # msgctl:ignore limit-without-dead-letters only the newest " +
				"count\n",
		},
		{
			ID: ignoreUnused, Severity: Note, Title: "A comment that ignores nothing",
			Consequence: "The problem is fixed, or the comment is in the wrong place. It would hide the next " +
				"problem of the same kind.",
			Fix: "Remove the comment.",
			Bad: "queues:\n  orders: {} # msgctl:ignore limit-without-dead-letters only the newest count\n",
			Good: "queues:\n  orders: { maxLength: 10 } # msgctl:ignore limit-without-dead-letters only the newest " +
				"count\n",
		},
	}
}
