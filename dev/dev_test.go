package main

import (
	"slices"
	"testing"
)

func TestPackagesAreTold(t *testing.T) {
	for arg, want := range map[string]bool{".": true, "./...": true, "./pkg/dlq": true, module + "/cmd": true,
		"-run": false, "TestA/b": false, "-race": false} {
		if isPackage(arg) != want {
			t.Errorf("%s is a package: %v", arg, !want)
		}
	}
}

func TestFuzzTargetsAreFound(t *testing.T) {
	got := fuzzTargets([]byte("pkg/a/b_test.go:func FuzzX(f *testing.F) {\nmain_test.go:func FuzzY(f *testing.F) {\n"))
	if want := []fuzzTarget{{"FuzzX", "./pkg/a"}, {"FuzzY", "."}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestRapidsFlagsGoToThoseThatKnowThem(t *testing.T) {
	for program, want := range map[string][]string{
		"../go.sum":   {"-test.v", "-rapid.seed=1"}, // names pgregory.net/rapid
		"../Makefile": {"-test.v"},
	} {
		got, err := withFlags(program, []string{"-test.v"}, []string{"-rapid.seed=1"})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", program, got, err, want)
		}
	}
}

func TestFuzzTargetThatEndsLateHasNotFailed(t *testing.T) {
	late := "--- FAIL: FuzzX (62.64s)\n    context deadline exceeded\nFAIL\n"
	if !endedLate(late) || endedLate("--- FAIL: FuzzX (1s)\n    Failing input written to a\n"+late) ||
		endedLate("--- FAIL: FuzzX (1s)\n") {
		t.Error("a late end and a failing input are not told apart")
	}
}
