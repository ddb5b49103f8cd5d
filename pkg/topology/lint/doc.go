// Package lint finds design faults of a topology: what a broker would accept silently and what
// then loses messages, or does nothing. Every rule has a stable id, says what happens at run time
// and how to fix it, and has a failing and a passing example, from which both its test and its
// page in the documentation are made.
//
// Lint is pure: it is given the state that files declare or a broker has, what else is known (see
// Input), and returns findings in stable order. Problems that the parser and the checks of
// pkg/topology have found already are not looked for again: they come in as diagnostics and leave
// as findings of the rule that explains them.
package lint
