package cmdutil

import (
	"runtime"
	"runtime/debug"
)

// Build identifies the build of msgctl. Empty fields are filled from the build information that the
// Go toolchain recorded.
type Build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Date    string `json:"date,omitempty"` // of the commit, RFC 3339
}

// Complete fills the fields that the linker did not set from the binary's build information, which
// `go install` and `go build` record.
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

// Platform returns the operating system and architecture that msgctl was built for, such as
// linux/amd64.
func Platform() string { return runtime.GOOS + "/" + runtime.GOARCH }
