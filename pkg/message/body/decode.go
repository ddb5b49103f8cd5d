package body

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrTooLarge is returned when a decompressed body exceeds the given limit.
var ErrTooLarge = errors.New("the body is larger than the bound when decompressed")

// maxEncodings limits how many compressions a body may have.
const maxEncodings = 4

// Decode removes the compressions named in a content_encoding property: gzip, x-gzip, deflate,
// zstd, or several separated by commas or colons. As in HTTP, the last one applied is removed
// first. It returns the plain body and the compressions in the order in which they were removed.
// Names that are not compressions (utf-8, identity, binary, and whatever else applications write
// there) are ignored. Without a compression the result is raw itself, whatever its size.
//
// The result has at most maximum bytes. If there are more, it is truncated and the error is
// ErrTooLarge. If the compressed data is damaged or truncated, Decode returns what it could read,
// with an error.
func Decode(raw []byte, contentEncoding string, maximum int) (plain []byte, encodings []string, err error) {
	steps, plain, err := decode(raw, contentEncoding, maximum)
	for _, s := range steps {
		encodings = append(encodings, strings.TrimPrefix(s, "bare "))
	}
	return plain, encodings, err
}

// decode also returns the formats found. It treats "bare deflate" as a separate format.
func decode(raw []byte, contentEncoding string, maximum int) (steps []string, plain []byte, err error) {
	plain = raw
	if contentEncoding == "" {
		return nil, plain, nil
	}
	names := strings.FieldsFunc(strings.ToLower(contentEncoding), isSeparator)
	if len(names) > maxEncodings {
		return nil, plain, fmt.Errorf("content_encoding has %d encodings, more than %d", len(names), maxEncodings)
	}
	for i := len(names) - 1; i >= 0 && err == nil; i-- {
		name := strings.TrimPrefix(strings.TrimSpace(names[i]), "x-")
		if !isCompression(name) {
			continue
		}
		if name == deflate && !isZlib(plain) {
			name = bareDeflate
		}
		steps = append(steps, name)
		plain, err = decompress(name, plain, maximum)
	}
	return steps, plain, err
}

// isSeparator accepts the comma of HTTP, and the colon of Spring AMQP ("gzip:UTF-8").
func isSeparator(r rune) bool { return r == ',' || r == ':' }

// Compressions as content_encoding names them, and the bare form of deflate.
const (
	gzipped     = "gzip"
	deflate     = "deflate"
	bareDeflate = "bare deflate"
	zstandard   = "zstd"
)

func isCompression(name string) bool { return name == gzipped || name == deflate || name == zstandard }

func decompress(name string, raw []byte, maximum int) ([]byte, error) {
	r, release, err := open(name, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.TrimPrefix(name, "bare "), err)
	}
	defer release()
	var out bytes.Buffer
	_, err = io.Copy(&out, io.LimitReader(r, int64(maximum)+1))
	if out.Len() > maximum {
		return out.Bytes()[:maximum], ErrTooLarge
	}
	if err != nil {
		return out.Bytes(), fmt.Errorf("%s: %w", strings.TrimPrefix(name, "bare "), err)
	}
	return out.Bytes(), nil
}

func open(name string, raw []byte) (io.Reader, func(), error) {
	none := func() {}
	switch name {
	case gzipped:
		r, err := gzip.NewReader(bytes.NewReader(raw))
		return r, none, err
	case zstandard:
		r, err := zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(32<<20))
		if err != nil {
			return nil, nil, err
		}
		return r, r.Close, nil
	}
	if name == bareDeflate {
		return flate.NewReader(bytes.NewReader(raw)), none, nil
	}
	r, err := zlib.NewReader(bytes.NewReader(raw))
	return r, none, err
}

// isZlib reports whether the data is zlib, which is what HTTP calls "deflate" (RFC 9110, 8.4.1.2).
// Some applications send bare deflate under that name.
func isZlib(raw []byte) bool {
	_, err := zlib.NewReader(bytes.NewReader(raw))
	return err == nil
}
