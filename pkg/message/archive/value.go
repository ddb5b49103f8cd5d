package archive

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// decodeTable converts the values of t to AMQP's, in place where the names allow it.
func decodeTable(t map[string]any) (message.Table, error) {
	out := message.Table(t)
	for name, v := range t {
		decoded, err := decodeValue(v)
		if err != nil {
			return nil, fmt.Errorf("header %q: %w", name, err)
		}
		out[name] = decoded
	}
	return renameRaw(out)
}

// renameRaw restores the names that are not valid UTF-8.
func renameRaw(t message.Table) (message.Table, error) {
	var raw []string
	for name := range t {
		if strings.HasPrefix(name, rawPrefix) {
			raw = append(raw, name)
		}
	}
	for _, name := range raw {
		decoded, err := rawString(name)
		if err != nil {
			return nil, fmt.Errorf("header name %q: %w", name, err)
		}
		v := t[name]
		delete(t, name)
		t[decoded] = v
	}
	return t, nil
}

func decodeValue(v any) (any, error) {
	switch x := v.(type) {
	case nil, bool, string:
		return v, nil
	case json.Number:
		return nil, fmt.Errorf(`the number %s does not say its type; write for example {"int64":%s}`, x, x)
	case []any:
		for i, element := range x {
			decoded, err := decodeValue(element)
			if err != nil {
				return nil, err
			}
			x[i] = decoded
		}
		return x, nil
	case map[string]any:
		if len(x) != 1 {
			return nil, errors.New(`an object must have one member, its type; a table is {"table":{…}}`)
		}
		for tag, v := range x {
			decoded, err := decodeTagged(tag, v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", tag, err)
			}
			return decoded, nil
		}
	}
	return nil, fmt.Errorf("unexpected %T", v)
}

func decodeTagged(tag string, v any) (any, error) {
	switch tag {
	case "table":
		if t, ok := v.(map[string]any); ok {
			return decodeTable(t)
		}
		return nil, errors.New("it must hold an object")
	case "decimal":
		return decodeDecimal(v)
	case "bytes", "string64":
		s, _ := v.(string)
		raw, err := base64.StdEncoding.DecodeString(s)
		if tag == "bytes" {
			return raw, err
		}
		return string(raw), err
	case "timestamp":
		n, err := decodeInt(v, 64)
		return time.Unix(n, 0).UTC(), err
	case "float32", "float64":
		return decodeFloat(tag, v)
	}
	return decodeInteger(tag, v)
}

func decodeInteger(tag string, v any) (any, error) {
	text := numberText(v)
	switch tag {
	case "int8":
		n, err := strconv.ParseInt(text, 10, 8)
		return int8(n), err
	case "int16":
		n, err := strconv.ParseInt(text, 10, 16)
		return int16(n), err
	case "int32":
		n, err := strconv.ParseInt(text, 10, 32)
		return int32(n), err
	case "int64":
		return decodeInt(v, 64)
	case "uint8":
		n, err := strconv.ParseUint(text, 10, 8)
		return uint8(n), err
	case "uint16":
		n, err := strconv.ParseUint(text, 10, 16)
		return uint16(n), err
	case "uint32":
		n, err := strconv.ParseUint(text, 10, 32)
		return uint32(n), err
	}
	return nil, errors.New("no such type")
}

func decodeInt(v any, bits int) (int64, error) { return strconv.ParseInt(numberText(v), 10, bits) }

// numberText returns "" for a value that is not a number; no parser accepts that.
func numberText(v any) string {
	n, _ := v.(json.Number)
	return n.String()
}

func decodeFloat(tag string, v any) (any, error) {
	size := 64
	if tag == "float32" {
		size = 32
	}
	s, special := v.(string)
	if !special {
		s = numberText(v)
	}
	if hex, ok := strings.CutPrefix(s, "NaN:"); ok {
		bits, err := strconv.ParseUint(hex, 16, size)
		if size == 32 {
			return math.Float32frombits(uint32(bits)), err
		}
		return math.Float64frombits(bits), err
	}
	if special && s != "+Inf" && s != "-Inf" && s != "NaN" {
		return nil, fmt.Errorf("%.20q is no number", s)
	}
	f, err := strconv.ParseFloat(s, size)
	if size == 32 {
		return float32(f), err
	}
	return f, err
}

func decodeDecimal(v any) (any, error) {
	t, _ := v.(map[string]any)
	scale, err1 := strconv.ParseUint(numberText(t["scale"]), 10, 8)
	value, err2 := decodeInt(t["value"], 32)
	return message.Decimal{Scale: uint8(scale), Value: int32(value)}, errors.Join(err1, err2)
}
