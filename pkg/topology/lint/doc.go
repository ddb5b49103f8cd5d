// Package lint finds design faults in a topology: configuration that a broker accepts silently, and
// that then loses messages or has no effect. Every rule has a stable id, explains what happens at
// run time and how to fix it, and has a failing and a passing example. Its test and its section in
// docs/lint.md are made from these.
//
// Lint is pure: it takes the state that files declare or a broker has, and whatever else is known
// (see Input), and returns findings in stable order. Problems that the parser and the checks of
// pkg/topology have already found are passed in as diagnostics, and returned as findings of the
// rule that explains them.
package lint
