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
