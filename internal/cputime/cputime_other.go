//go:build !unix

// Package cputime measures work for tests that bound it, and for the benchmark.
package cputime

import "time"

var started = time.Now()

// Used returns the time since this process started: this system has no getrusage.
func Used() time.Duration { return time.Since(started) }
