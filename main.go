// Command msgctl keeps a RabbitMQ topology in git: it validates, plans and applies it, and exports
// live ones.
package main

import (
	"os"

	"github.com/msgctl/msgctl/cmd"
	"github.com/msgctl/msgctl/cmd/cmdutil"
)

// Set by the linker in a release: -X main.version=1.2.3 -X main.commit=… -X main.date=….
var version, commit, date string

func main() {
	os.Exit(cmd.Main(cmdutil.Build{Version: version, Commit: commit, Date: date}, os.Args[1:]))
}
