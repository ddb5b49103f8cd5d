package lint

// brokerRules are about what a broker refuses, or takes and ignores. The checks of pkg/topology and
// pkg/topology/spec find it.
func brokerRules() []Rule {
	return []Rule{
		{
			ID: "argument-refused", Severity: Error, Title: "A setting that the broker refuses",
			Consequence: "The broker does not declare the queue (406 PRECONDITION_FAILED, and the channel closes); an import " +
				"of definitions leaves it out, some versions silently.",
			Fix:  "Take it out, or use a queue type and a broker version that take it.",
			Bad:  "queues: { orders: { type: quorum, maxPriority: 10, deadLetter: dead }, dead: {} }\n",
			Good: "queues: { orders: { maxPriority: 10 } }\n",
		},
		{
			ID: "argument-ignored", Severity: Error, Title: "A setting that this version of the broker ignores", Version: "3.10",
			Consequence: "The broker silently accepts the queue, and does not do what the setting says.",
			Fix:         "Take it out, or use a broker version that knows it.",
			Bad: "queues: { orders: { type: quorum, delayedRetry: { type: all, min: 1s }, deadLetter: dead }, dead: " +
				"{} }\n",
			Good: "queues: { orders: { type: quorum, deadLetter: dead }, dead: {} }\n",
		},
		{
			ID: "argument-unknown", Severity: Warning, Title: "A setting that RabbitMQ does not know",
			Consequence: "The broker takes any argument and ignores those that it does not know: a misspelled limit is no " +
				"limit.",
			Fix:  "Correct its name, or take it out.",
			Bad:  "queues: { orders: { arguments: { x-mesage-ttl: 1000 } } }\n",
			Good: "queues: { orders: { messageTTL: 1s, deadLetter: dead }, dead: {} }\n",
		},
		{
			ID: "reserved-name", Severity: Error, Title: "A name that the broker keeps for itself",
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
