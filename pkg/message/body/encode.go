package body

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Encode compresses plain in the same way as raw, whose content_encoding is given. It reverses
// Decode. Without a compression the result is plain itself. It fails if raw cannot be decompressed
// within maximum bytes.
func Encode(plain, raw []byte, contentEncoding string, maximum int) ([]byte, error) {
	steps, _, err := decode(raw, contentEncoding, maximum)
	if err != nil {
		return nil, err
	}
	for i := len(steps) - 1; i >= 0; i-- { // the one undone last was applied first
		if plain, err = compress(steps[i], plain); err != nil {
			return nil, fmt.Errorf("%s: %w", steps[i], err)
		}
	}
	return plain, nil
}

func compress(name string, plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := compressor(name, &out)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func compressor(name string, out io.Writer) (io.WriteCloser, error) {
	switch name {
	case gzipped:
		return gzip.NewWriter(out), nil
	case zstandard:
		return zstd.NewWriter(out, zstd.WithEncoderConcurrency(1))
	case bareDeflate:
		return flate.NewWriter(out, flate.DefaultCompression)
	}
	return zlib.NewWriter(out), nil
}
