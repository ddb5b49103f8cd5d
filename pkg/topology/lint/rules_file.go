package lint

const invalidFile = "invalid-file"

// fileRules are about the files themselves.
func fileRules() []Rule {
	return []Rule{
		{
			ID: invalidFile, Severity: Error, Title: "What msgctl validate finds wrong",
			Consequence: "The file cannot be applied as it is, or says something that is left out.",
			Fix:         "Mend it: msgctl validate tells the same.",
			Bad:         "queues: { orders: { maxLenght: 10 } }\n",
			Good:        "queues: { orders: { maxLength: 10, overflow: reject-publish } }\n",
		},
		{
			ID: "left-out", Severity: Note, Title: "Something in a definitions file that is left out",
			Consequence: "msgctl does not apply it: it belongs to the cluster that the file was exported from, to a " +
				"connection, or is there anyway.",
			Fix:  "Nothing needs to be done; remove it, if it disturbs.",
			Bad:  `{"vhosts": [{"name": "/"}], "queues": [{"name": "a", "vhost": "/", "durable": true, "arguments": {}}], "global_parameters": [{"name": "cluster_name", "value": "rabbit@a"}]}`,
			Good: `{"vhosts": [{"name": "/"}], "queues": [{"name": "a", "vhost": "/", "durable": true, "arguments": {}}]}`,
		},
		{
			ID: ignoreWithoutReason, Severity: Warning, Title: "A finding is ignored, and nobody says why",
			Consequence: "Nobody dares to remove the comment, and nobody knows whether it still holds.",
			Fix:         "Write the reason behind the rule: # msgctl:ignore RULE reason.",
			Bad:         "queues:\n  orders: { maxLength: 10 } # msgctl:ignore limit-without-dead-letters\n",
			Good: "queues:\n  orders: { maxLength: 10 } # msgctl:ignore limit-without-dead-letters only the newest " +
				"prices count\n",
		},
		{
			ID: ignoreUnknownRule, Severity: Warning, Title: "A comment that ignores a rule which does not exist",
			Consequence: "It ignores nothing.",
			Fix:         "Correct the rule's name: docs/lint.md lists all.",
			Bad:         "queues:\n  orders: {} # msgctl:ignore limit-without-dead-leters only the newest count\n",
			Good: "queues:\n  orders: { maxLength: 10 } # msgctl:ignore limit-without-dead-letters only the newest " +
				"count\n",
		},
		{
			ID: ignoreUnused, Severity: Note, Title: "A comment that ignores nothing",
			Consequence: "What it was for is fixed, or it stands in the wrong place. It would hide the next fault of that " +
				"sort.",
			Fix: "Remove the comment.",
			Bad: "queues:\n  orders: {} # msgctl:ignore limit-without-dead-letters only the newest count\n",
			Good: "queues:\n  orders: { maxLength: 10 } # msgctl:ignore limit-without-dead-letters only the newest " +
				"count\n",
		},
	}
}
