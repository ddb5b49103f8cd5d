package lint

// brokerRules are about settings that a broker refuses or ignores. They are found by the checks of
// pkg/topology and pkg/topology/spec.
func brokerRules() []Rule {
	return []Rule{
		{
			ID: "argument-refused", Severity: Error, Title: "A setting that the broker refuses",
			Consequence: "The broker does not declare the queue (406 PRECONDITION_FAILED, and the channel closes). " +
				"An import of definitions skips it, on some versions silently.",
			Fix:  "Remove the setting, or use a queue type and a broker version that support it.",
			Bad:  "queues: { orders: { type: quorum, maxPriority: 10, deadLetter: dead }, dead: {} }\n",
			Good: "queues: { orders: { maxPriority: 10 } }\n",
		},
		{
			ID: "argument-ignored", Severity: Error, Title: "A setting that this broker version ignores", Version: "3.10",
			Consequence: "The broker accepts the queue and silently ignores the setting.",
			Fix:         "Remove the setting, or use a broker version that supports it.",
			Bad: "queues: { orders: { type: quorum, delayedRetry: { type: all, min: 1s }, deadLetter: dead }, dead: " +
				"{} }\n",
			Good: "queues: { orders: { type: quorum, deadLetter: dead }, dead: {} }\n",
		},
		{
			ID: "argument-unknown", Severity: Warning, Title: "A setting that RabbitMQ does not know",
			Consequence: "The broker accepts any argument and ignores those it does not know: a misspelled limit is " +
				"no limit.",
			Fix:  "Correct its name, or remove it.",
			Bad:  "queues: { orders: { arguments: { x-mesage-ttl: 1000 } } }\n",
			Good: "queues: { orders: { messageTTL: 1s, deadLetter: dead }, dead: {} }\n",
		},
		{
			ID: "reserved-name", Severity: Error, Title: "A reserved name",
			Consequence: "The broker refuses to declare it: 403 ACCESS_REFUSED.",
			Fix:         "Choose a name that does not begin with amq.",
			Bad:         "queues: { amq.orders: {} }\n",
			Good:        "queues: { orders: {} }\n",
		},
		{
			ID: "parameter-refused", Severity: Error, Title: "A shovel or federation upstream that the broker refuses",
			Consequence: "The broker answers 400 and does not start it.",
			Fix:         "Write its URI as amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps://…",
			Bad: "queues: { orders: {} }\nparameters: { shovel: { move: { src-uri: elsewhere, src-queue: a, " +
				"dest-uri: \"amqp://\", dest-queue: orders } } }\n",
			Good: "queues: { orders: {} }\nparameters: { shovel: { move: { src-uri: \"amqp://elsewhere\", src-queue: " +
				"a, dest-uri: \"amqp://\", dest-queue: orders } } }\n",
		},
	}
}
