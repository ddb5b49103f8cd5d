// Package render writes values for people and programs. It has what all output shares: JSON, YAML
// and NDJSON documents, tables, labelled and wrapped text, and problems of a topology file. A
// package below it renders each kind of value:
//
//   - plans: what plan, apply and destroy would do and did
//   - deadletters: dead-letter queues, groups of dead letters, and the outcome of a replay or move
//   - messages: one message, or a list of them
//   - events: the event catalogue, published events, and what tail shows
//   - checks: findings of lint, results of routing tests, and routes
//   - status: the health of a broker, for status and doctor
//   - graph: pictures of a topology
//
// A document is a struct that JSON and YAML are encoded from. Text, tables and Markdown are written
// from the same document, so that no two forms disagree. Documents are versioned APIs: new fields
// may come at any time; a field that goes or changes its meaning raises the version. Golden files
// hold their form.
//
// Names and values from files and brokers are neutralised before they reach a terminal (see package
// terminal). A width bounds the lines of text in columns; 0 means that lines are never wrapped, as
// for a pipe. A terminal.Styler decides about colour.
//
// Only this package imports tablewriter.
package render
