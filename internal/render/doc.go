// Package render turns values into what a person or a program reads: plans, results, diagnostics and
// tables, as aligned text, Markdown, JSON and YAML. Each human form is rendered from the same
// document as its JSON, so they cannot disagree. Names and values from files and brokers are
// neutralised before they are written.
//
// It is the only importer of tablewriter.
package render
