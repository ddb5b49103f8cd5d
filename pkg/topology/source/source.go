// Package source reads YAML and JSON into one tree in which everything knows its place in the file.
//
// It handles duplicate keys, anchors and merge keys, ${VARIABLES}, overlays, and the limits that
// make a hostile file harmless. It does not know RabbitMQ: pkg/topology/spec decides what the keys
// mean. Nothing here reads a file or the environment. Trees may be read from several goroutines.
package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Limits of one file. A topology of 10,000 objects has about 100,000 values in 3 MB.
const (
	// MaxBytes is the largest file read.
	MaxBytes = 32 << 20
	// MaxDepth is how deep mappings and sequences may nest.
	MaxDepth = 100
	// MaxValues bounds the values of a file, after its aliases are expanded.
	MaxValues = 1_000_000
	// maxMarks bounds the characters that may start a value in YAML, before it is parsed: the
	// parser takes about 400 bytes for each.
	maxMarks = 500_000
)

// Format is how a file is written.
type Format string

// The formats.
const (
	YAML Format = "yaml"
	JSON Format = "json"
)

// Document is one document of a file: a YAML file may have several, separated by "---".
type Document struct {
	Root   *Node
	Format Format
}

// Parse reads all documents of a file. name stands in positions. Empty documents are left out.
// Every problem is an error with its position; with errors, the documents are what could be read
// (often none). Variables are left alone: see Expand.
func Parse(name string, data []byte) ([]Document, diag.Diagnostics) {
	at := diag.Position{File: name}
	if len(data) > MaxBytes {
		return nil, failure(at, fmt.Sprintf("the file has %d MB, and msgctl reads at most %d MB", len(data)>>20,
			MaxBytes>>20),
			"", "split it: -f takes several files and directories")
	}
	data = bytes.TrimPrefix(data, byteOrderMark)
	if i := invalidUTF8(data); i >= 0 {
		c := newCursor(name, data)
		return nil, failure(c.at(i), "the file is not UTF-8 text from here on", "", "save it as UTF-8")
	}
	if FormatOf(name, data) == JSON {
		root, problems := parseJSON(name, data)
		if root == nil {
			return nil, problems
		}
		return []Document{{Root: root, Format: JSON}}, problems
	}
	return parseYAML(name, data)
}

// FormatOf says as what Parse reads a file. The name decides, and else the content: every JSON text
// is YAML too, but its numbers and its errors are better read as what it is.
func FormatOf(name string, data []byte) Format {
	switch strings.ToLower(path.Ext(name)) {
	case ".json":
		return JSON
	case ".yaml", ".yml":
		return YAML
	}
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(data, byteOrderMark), " \t\r\n")
	if len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid(trimmed) {
		return JSON
	}
	return YAML
}

var byteOrderMark = []byte("\xef\xbb\xbf")

func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return -1
}

func failure(at diag.Position, message, why, fix string) diag.Diagnostics {
	return diag.Diagnostics{{Severity: diag.Error, Position: at, Message: message, Why: why, Fix: fix}}
}

func tooMany(name string, limit int) diag.Diagnostics {
	return failure(diag.Position{File: name, Line: 1, Column: 1},
		fmt.Sprintf("the file has more than %d values, far beyond any topology", limit),
		"", "split it: -f takes several files and directories")
}

// cursor turns offsets, asked for in rising order, into positions without counting any byte twice.
type cursor struct {
	data              []byte
	file              string
	offset, line, col int
}

func newCursor(file string, data []byte) *cursor {
	return &cursor{data: data, file: file, line: 1, col: 1}
}

func (c *cursor) at(offset int) diag.Position {
	for c.offset < offset && c.offset < len(c.data) {
		b := c.data[c.offset]
		switch {
		case b == '\n':
			c.line, c.col = c.line+1, 1
		case utf8.RuneStart(b):
			c.col++
		}
		c.offset++
	}
	return diag.Position{File: c.file, Line: c.line, Column: c.col}
}
