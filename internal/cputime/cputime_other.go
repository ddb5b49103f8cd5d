//go:build !unix

// Package cputime measures work for tests that bound it.
package cputime

import "time"

var started = time.Now()

// Used returns the time since this process started.
func Used() time.Duration { return time.Since(started) }
