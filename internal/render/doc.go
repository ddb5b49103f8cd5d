// Package render writes output for people and programs. It contains the parts that all output
// shares: JSON, YAML and NDJSON documents, tables, labelled and wrapped text, and the problems of a
// topology file. Its subpackages render one kind of value each:
//
//   - plans: plans, and the outcomes of apply and destroy
//   - deadletters: dead-letter queues, groups of dead letters, and the outcome of a replay or move
//   - messages: one message, or a list of them
//   - events: the event catalogue, published events, and what tail shows
//   - checks: findings of lint, results of routing tests, and routes
//   - migrations: plans, jobs and outcomes of migrations of queues
//   - status: the health of a broker, for status and doctor
//   - graph: pictures of a topology
//
// A document is a struct that is encoded as JSON or YAML. Text, tables and Markdown are written
// from the same document, so all formats agree. Documents are versioned APIs: fields may be added
// at any time, but removing a field or changing its meaning requires a new version. Golden files
// fix their form.
//
// Names and values from files and brokers are neutralised before they reach a terminal (see package
// terminal). A width is the maximum length of a line in columns. A width of 0 means that lines are
// never wrapped, as for a pipe. A terminal.Styler decides whether to use colour.
//
// Only this package imports tablewriter.
package render
