// Package export writes a topology.State as a file: a topology file (WriteYAML) or a definitions
// file as RabbitMQ imports it (WriteDefinitions). Package spec reads both back to an equal state.
//
// The same state always makes the same text. What no file can declare is left out: what every vhost
// has from the start, exclusive and server-named queues, what identifies a cluster, and msgctl's
// own records of ownership. Users are left out unless Options.Users is set. A password is never
// written: a topology file gets a variable for it, a definitions file its hash.
package export
