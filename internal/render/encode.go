package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/internal/yamltext"
)

// JSON writes a document as indented JSON with a final newline.
func JSON(w io.Writer, v any) error {
	if err := jsonline.EncodeIndent(w, v, "", "  "); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// JSONLine writes a document as one line of NDJSON.
func JSONLine(w io.Writer, v any) error {
	if err := jsonline.EncodeIndent(w, v, "", ""); err != nil {
		return fmt.Errorf("write NDJSON: %w", err)
	}
	return nil
}

// YAML writes a document as YAML, with the same names in the same order as JSON.
func YAML(w io.Writer, v any) error {
	text, err := jsonline.Append(nil, v) // without what YAML's reader refuses, such as DEL in a name
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	blockStyle(&node)
	if text, err = yamltext.Encode(&node); err == nil {
		_, err = w.Write(text)
	}
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	return nil
}

// blockStyle removes the flow style and the quotes of JSON wherever YAML has the same meaning
// without them.
func blockStyle(n *yaml.Node) {
	n.Style = 0
	for _, child := range n.Content {
		blockStyle(child)
	}
}

// IndentJSON returns JSON indented over several lines. It returns an error if text is not valid
// JSON.
func IndentJSON(text json.RawMessage) (string, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return "", err
	}
	return string(jsonline.Escape(b.Bytes())), nil
}
