package cmdutil

import (
	"runtime"
	"runtime/debug"
)

// Build says which msgctl this is. Empty fields are filled from what the Go toolchain recorded.
type Build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Date    string `json:"date,omitempty"` // of the commit, RFC 3339
}

// Complete fills what the linker did not set: `go install` and `go build` leave it in the binary.
func (b Build) Complete() Build {
	info, ok := debug.ReadBuildInfo()
	if ok && b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	if ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && b.Commit == "":
				b.Commit = s.Value
			case s.Key == "vcs.time" && b.Date == "":
				b.Date = s.Value
			}
		}
	}
	if b.Version == "" {
		b.Version = "dev"
	}
	return b
}

// Platform is what msgctl was built for: linux/amd64.
func Platform() string { return runtime.GOOS + "/" + runtime.GOARCH }
