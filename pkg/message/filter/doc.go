// Package filter compiles conditions on messages and keys that group them, in the language of
// expr-lang/expr (https://expr-lang.org/docs/language-definition), and evaluates them on messages.
//
// What an expression can use:
//
//	reason, queue, exchange, routingKey  where the message came from (Message.Origin): its first death outside a wait
//	                                     queue, or what a framework noted, with the reason "failed"; exchange and
//	                                     routingKey are the delivery's own if no earlier one is known
//	source                               the queue from which the message is read
//	deaths, deathCount                   the whole history: deaths[0].queue, any(deaths, .reason == "expired")
//	age                                  since its newest death, else a framework's note, else its timestamp; a duration
//	day                                  the UTC date of the same time, "2026-11-20", or ""
//	headers                              headers["tenant"], headers.tenant
//	properties                           properties.contentType and so on, AMQP's names in camel case
//	body                                 the body's JSON, decompressed; a string when it is text but not JSON
//	text                                 the body as text, decompressed
//	error                                error.type, .message, .framework, .queue, .task: what a framework noted
//	id, size, redelivered, replays       message_id, bytes of the body, the flag, how often msgctl replayed it
//
// Names are checked when an expression is compiled, and types where they are known. Headers and
// bodies are not known in advance.
//
// A missing field never makes a message match, so a purge or a replay takes only messages for which
// the condition is known to hold. If the total is missing or a string, none of these match:
// body.total > 100, not (body.total <= 100), body.total != 100. A comparison that cannot be made
// counts as false next to "and" and "or". It ends the evaluation without a match where false could
// help to match: below "not", in another comparison, in the condition of a ternary, in the
// predicate of count. A body that cannot be decompressed or is too large, and any other operation
// on a missing field, also ends the evaluation. Test for presence with body.total == nil, and give
// a default with (body.total ?? 0). Match reports such messages, so that they can be counted.
//
// Evaluation is limited in steps and memory, whatever the expression and the message. Filters and
// keys are safe for concurrent use.
package filter
