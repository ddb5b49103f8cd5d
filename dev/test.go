package main

import (
	"context"
	"slices"
	"strings"
)

// test runs go test with a broker. Without packages among the arguments it tests all.
func test(ctx context.Context, args []string) error {
	return withBroker(ctx, func(env []string) error {
		return command(ctx, env, "go", testCommand("40m", args)...)
	})
}

// soak runs the tests with their long settings and with seeds that nobody has seen before.
func soak(ctx context.Context, args []string) error {
	return withBroker(ctx, func(env []string) error {
		return command(ctx, append(env, "MSGCTL_SOAK=1"), "go", testCommand("10h", append([]string{"-count=1"}, args...))...)
	})
}

func testCommand(timeout string, args []string) []string {
	all := append([]string{"test", "-timeout", timeout}, args...)
	if !slices.ContainsFunc(args, isPackage) {
		all = append(all, "./...")
	}
	return all
}

func isPackage(arg string) bool { return arg == "." || strings.HasPrefix(arg, "./") }
