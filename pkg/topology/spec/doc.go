// Package spec reads and writes topology files.
//
// Load reads inputs (YAML or JSON topology files, and definitions files as RabbitMQ exports them)
// into a Spec; Resolve makes the topology.State of it that a plan compares with a broker. Both
// collect every problem with its position, its reason and the text that would be right. WriteYAML
// and WriteDefinitions go the other way, and package schema describes the topology file for
// editors.
//
// The package does no I/O: Files reads through the functions it is given. Nothing in it keeps state
// between calls, and a finished Spec may be read from several goroutines.
package spec
