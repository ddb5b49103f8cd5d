package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// seedEnv is the name of the environment variable that fixes the seeds of random cases. CI sets it,
// so that the result of a commit does not depend on chance.
const seedEnv = "MSGCTL_TEST_SEED"

// test runs go test with a broker. It tests all packages if args names none.
func test(ctx context.Context, args []string) error {
	var rapid []string
	if seed := os.Getenv(seedEnv); seed != "" {
		if n, err := strconv.ParseUint(seed, 10, 32); err != nil || n == 0 {
			return fmt.Errorf("%s: %q is not a positive number", seedEnv, seed)
		}
		rapid = []string{"-rapid.seed=" + seed, "-rapid.nofailfile"}
	}
	return goTest(ctx, nil, rapid, append([]string{"-timeout", "40m"}, args...))
}

// soak runs the tests with their long settings and fresh seeds.
func soak(ctx context.Context, args []string) error {
	env := []string{"MSGCTL_SOAK=1"}
	return goTest(ctx, env, []string{"-rapid.checks=20000"}, append([]string{"-timeout", "10h", "-count=1"}, args...))
}

// goTest runs go test. It runs more tests at once than there are processors, because tests mostly
// wait for brokers. The flags of rapid go only to the test binaries that accept them.
func goTest(ctx context.Context, env, rapid, args []string) error {
	atOnce := strconv.Itoa(2 * runtime.NumCPU())
	all := append([]string{"test", "-p", atOnce, "-parallel", strconv.Itoa(3 * runtime.NumCPU())}, args...)
	if len(rapid) > 0 {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		all = append(all, "-exec", strings.Join(append([]string{self, "exec"}, rapid...), " ")+" --")
	}
	if !slices.ContainsFunc(args, isPackage) {
		all = append(all, "./...")
	}
	return withBroker(ctx, func(broker []string) error { return command(ctx, append(env, broker...), "go", all...) })
}

const module = "github.com/msgctl/msgctl"

func isPackage(arg string) bool {
	return arg == "." || strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, module)
}

// execute implements the command that `go test -exec` calls: FLAG... -- PROGRAM ARGUMENT.... It
// passes the flags of rapid only to test binaries that contain rapid, because others would reject
// them.
func execute(ctx context.Context, args []string) error {
	i := slices.Index(args, "--")
	if i < 0 || i+1 >= len(args) {
		return fmt.Errorf("exec: want FLAG... -- PROGRAM and its arguments")
	}
	flags, program := args[:i], args[i+1]
	all, err := withFlags(program, args[i+2:], flags)
	if err != nil {
		return err
	}
	return command(ctx, nil, program, all...)
}

func withFlags(program string, args, flags []string) ([]string, error) {
	text, err := os.ReadFile(program)
	name := strings.Join([]string{"pgregory.net", "rapid"}, "/") // in one piece it would be in this program, too
	if err != nil || !bytes.Contains(text, []byte(name)) {
		return args, err
	}
	return slices.Concat(args, flags), nil
}
