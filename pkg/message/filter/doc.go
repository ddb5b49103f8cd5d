// Package filter compiles conditions on messages and keys that group them, in the language of
// expr-lang/expr (https://expr-lang.org/docs/language-definition), and evaluates them on messages.
//
// What an expression can use:
//
//	reason, queue, exchange, routingKey  where the message came from (Message.Origin): its first death outside a wait
//	                                     queue, or what a framework noted, with the reason "failed"; exchange and
//	                                     routingKey are the delivery's own where nothing tells of an earlier one
//	source                               the queue it is read from
//	deaths, deathCount                   the whole history: deaths[0].queue, any(deaths, .reason == "expired")
//	age                                  since its newest death, else a framework's note, else its timestamp; a duration
//	day                                  the UTC date of that, "2026-11-20", or ""
//	headers                              headers["tenant"], headers.tenant
//	properties                           properties.contentType and so on, AMQP's names in camel case
//	body                                 the body's JSON, decompressed; a string when it is text but no JSON
//	text                                 the body as text, decompressed
//	error                                error.type, .message, .framework, .queue, .task: what a framework noted
//	id, size, redelivered, replays       message_id, bytes of the body, the flag, how often msgctl replayed it
//
// The names are checked when an expression is compiled, and types where they are known. Headers and
// bodies are not known beforehand.
//
// A missing field never makes a message match, so that a purge or a replay takes only messages of
// which the condition is known to hold: body.total > 100, not (body.total <= 100) and body.total !=
// 100 all do not match where the total is missing or a string. A comparison that cannot be made
// counts as false beside "and" and "or", and ends the evaluation without a match where false could
// help to match: below "not", in another comparison, in the condition of a ternary, in the
// predicate of count. So does a body that cannot be decompressed or is too large, and any other
// operation on a missing field. Ask for presence with body.total == nil, and give a default with
// (body.total ?? 0). Match reports such messages, so that they can be counted.
//
// Evaluation is bounded in steps and memory whatever the expression and the message. Filters and
// keys may be used by several goroutines at once.
package filter
