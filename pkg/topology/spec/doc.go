// Package spec reads topology files into the state that they declare.
//
// Load reads topology files (YAML or JSON) and RabbitMQ's definitions files into a Spec, Resolve makes
// a topology.State of it, and Read does both. Package decode fills the types of this package from a
// tree, package definitions reads the other format. Package export goes the other way, from a state to
// a file, and package schema describes the file for editors.
//
// # Guarantees
//
// Every problem is reported, not only the first: with its position, its reason and the text that would
// be right. The package does no I/O. Nothing in it keeps state between calls, and a finished Spec may
// be read from several goroutines.
//
// # Limits
//
// What a broker of a certain version would refuse is for package plan. Here is what is wrong on every
// broker.
package spec

import (
	"embed"
	"io/fs"
)

// typeSources are the files whose comments become the descriptions that editors show.
//
//go:embed types.go types_queue.go types_event.go
var typeSources embed.FS

// TypeSources holds the Go files that declare the types of the topology file. Package schema makes
// descriptions of their comments. It is a package of its own, so that programs that only read files
// do not link a schema generator.
func TypeSources() fs.FS { return typeSources }
