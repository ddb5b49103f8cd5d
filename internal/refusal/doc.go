// Package refusal puts what a broker, a network or a peer answers into the terms of the topology
// file. Its texts are for people: what was tried, why it failed, and what to do.
//
// A reply is the text of an AMQP exception or the reason of the management API; both word the same
// refusal alike. Parse reads one, Operation.Reason explains it for the object that it is about.
// Callers branch on the sentinels that an Error wraps, never on texts.
//
// The package does no I/O and knows neither client library. The replies are those of
// capability.Versions; one that it does not know is passed on in the broker's words.
package refusal
