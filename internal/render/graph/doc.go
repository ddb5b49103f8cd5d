// Package graph draws the graph of a topology: as text for Mermaid and Graphviz, and as a picture
// in SVG and HTML. Names come from files and brokers and may contain anything, so every format
// escapes all characters that have a special meaning in it.
package graph
