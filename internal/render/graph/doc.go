// Package graph draws a topology's graph: as text for Mermaid and Graphviz, and as a picture of its
// own in SVG and HTML. Names come from files and brokers and may hold anything: every format
// escapes all that could be more than text in it.
package graph
