// Package body makes message bodies readable for people: it decompresses them, indents JSON, shows
// text as text, and anything else as a hex dump.
//
// The output is always valid UTF-8 and limited in size. It may contain any character of the body,
// including terminal escape sequences: neutralise it before it reaches a terminal.
package body

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/message"
)

// Kinds of bodies.
const (
	Empty   = "empty"
	JSON    = "JSON"
	NDJSON  = "NDJSON"
	Text    = "text"
	Binary  = "binary"
	NotRead = "not read" // see message.Unread
)

// Options set limits. The zero value has the defaults.
type Options struct {
	// MaxDecoded limits the decompressed body, in bytes. Default 16 MiB.
	MaxDecoded int
	// MaxText limits the text shown, in bytes. Default 64 KiB; a negative value means no limit.
	MaxText int
	// MaxDump limits how many bytes of a binary body are dumped. Default 512; a negative value
	// means no limit.
	MaxDump int
}

func (o Options) withDefaults() Options {
	if o.MaxDecoded <= 0 {
		o.MaxDecoded = 16 << 20
	}
	if o.MaxText == 0 {
		o.MaxText = 64 << 10
	}
	if o.MaxDump == 0 {
		o.MaxDump = 512
	}
	return o
}

// View is a body in a form for people.
type View struct {
	// Format is one of Empty, JSON, NDJSON, Text, Binary and NotRead.
	Format string
	// Text is the text to show, without a newline at the end.
	Text string
	// Size is the length of the body in the message, in bytes. Decoded is its length after
	// decompression, which is the same if it is not compressed.
	Size, Decoded int
	// Encodings are the compressions that were removed.
	Encodings []string
	// Hidden is how many bytes of the decoded body Text leaves out.
	Hidden int
	// Problem says why the body is not shown as its properties promise; "" if it is.
	Problem string
}

// Describe returns a description of the body, such as "JSON, 1.2 kB, gzip (311 B)". Units are
// decimal.
func (v View) Describe() string {
	if v.Format == Empty {
		return Empty
	}
	s := v.Format + ", " + units.RoundSize(int64(v.Decoded))
	if len(v.Encodings) > 0 {
		s += ", " + strings.Join(v.Encodings, "+") + " (" + units.RoundSize(int64(v.Size)) + ")"
	}
	if v.Problem != "" {
		s += ": " + v.Problem
	}
	return s
}

// Show returns the message's body for people. It considers the content more than content_type,
// which is often wrong or missing: JSON is shown as JSON, unless content_type names another kind of
// text.
func Show(m *message.Message, o Options) View {
	o = o.withDefaults()
	v := View{Size: m.Size()}
	if m.Unread != nil {
		v.Format, v.Decoded, v.Problem = NotRead, v.Size, m.Unread.Why
		return v
	}
	if len(m.Body) == 0 {
		v.Format = Empty
		return v
	}
	plain, encodings, err := Decode(m.Body, m.ContentEncoding, o.MaxDecoded)
	v.Encodings, v.Decoded = encodings, len(plain)
	switch {
	case errors.Is(err, ErrTooLarge):
		v.Problem = "only the first " + units.RoundSize(int64(len(plain))) + " were decompressed"
	case err != nil && len(plain) == 0:
		v.Problem = "cannot be decompressed: " + err.Error()
		v.Encodings, plain, v.Decoded = nil, m.Body, len(m.Body)
	case err != nil:
		v.Problem = "damaged: " + err.Error()
	}
	v.render(plain, mediaType(m.ContentType), err == nil, o)
	return v
}

func mediaType(contentType string) string {
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return t
}

func (v *View) render(plain []byte, media string, whole bool, o Options) {
	if whole && !isOtherText(media) && looksLikeJSON(plain) {
		if v.renderJSON(plain, o) {
			return
		}
	}
	if whole && isJSON(media) && v.Problem == "" {
		v.Problem = "not valid JSON, as its content_type says"
	}
	if isText(plain, whole) {
		v.Format = Text
		v.cut(strings.TrimSuffix(string(plain), "\n"), o.MaxText)
		return
	}
	v.Format = Binary
	v.dump(plain, o.MaxDump)
}

// isOtherText reports whether a body is text to be left unchanged, although it may be valid JSON,
// such as a number.
func isOtherText(media string) bool {
	return strings.HasPrefix(media, "text/") && !isJSON(media) || strings.HasSuffix(media, "xml")
}

func isJSON(media string) bool {
	return media == "text/json" || media == "application/json" || strings.HasSuffix(media, "+json")
}

func looksLikeJSON(plain []byte) bool {
	trimmed := bytes.TrimLeft(plain, " \t\r\n")
	return len(trimmed) > 0 && strings.IndexByte(`{["-0123456789tfn`, trimmed[0]) >= 0
}

// renderJSON indents JSON. Numbers and strings stay as they are written. It returns false if the
// body is not JSON.
func (v *View) renderJSON(plain []byte, o Options) bool {
	if !utf8.Valid(plain) {
		return false
	}
	if !json.Valid(plain) {
		return v.renderNDJSON(plain, o)
	}
	v.Format = JSON
	v.Text, v.Hidden = indent(bytes.TrimSpace(plain), o.MaxText)
	return true
}

// renderNDJSON renders several JSON objects or arrays, one per line.
func (v *View) renderNDJSON(plain []byte, o Options) bool {
	lines := bytes.Split(bytes.TrimSpace(plain), []byte("\n"))
	if len(lines) < 2 {
		return false
	}
	for _, line := range lines {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] != '{' && line[0] != '[' || !json.Valid(line) {
			return false
		}
	}
	v.Format = NDJSON
	v.cut(strings.TrimSpace(string(plain)), o.MaxText)
	return true
}

// IsText reports whether a decoded body is shown as text: UTF-8 with few control characters.
func IsText(plain []byte) bool { return isText(plain, true) }

// isText reports whether the body is UTF-8 with few control characters. A truncated body may end
// within a character.
func isText(plain []byte, whole bool) bool {
	if !whole {
		for i := 0; i < utf8.UTFMax && len(plain) > 0 && !utf8.Valid(plain[max(0, len(plain)-utf8.UTFMax):]); i++ {
			plain = plain[:len(plain)-1]
		}
	}
	if !utf8.Valid(plain) {
		return false
	}
	controls := 0
	for _, c := range plain {
		if c == 0 {
			return false
		}
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != 0x1b {
			controls++
		}
	}
	return controls*20 <= len(plain)
}

// cut shows at most maximum bytes: whole characters and, if there are any, whole lines.
func (v *View) cut(text string, maximum int) {
	if !utf8.ValidString(text) { // a character cut in two at the end of a decompressed part
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if maximum < 0 || len(text) <= maximum {
		v.Text = text
		return
	}
	end := maximum
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	if line := strings.LastIndexByte(text[:end], '\n'); line > end/2 {
		end = line
	}
	v.Text, v.Hidden = text[:end], len(text)-end
}

func (v *View) dump(plain []byte, maximum int) {
	if maximum >= 0 && len(plain) > maximum {
		v.Hidden = len(plain) - maximum
		plain = plain[:maximum]
	}
	v.Text = strings.TrimSuffix(hex.Dump(plain), "\n")
}
