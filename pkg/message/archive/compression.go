package archive

import (
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression is the compression of an archive.
type Compression uint8

// Compressions that a Writer can apply. A Reader detects them.
const (
	None Compression = iota
	Gzip
	Zstd
)

// CompressionFor returns the compression for a file name: that of .gz, .zst or .zstd in any case,
// otherwise None.
func CompressionFor(name string) Compression {
	name = strings.ToLower(name)
	switch {
	case strings.HasSuffix(name, ".gz"):
		return Gzip
	case strings.HasSuffix(name, ".zst"), strings.HasSuffix(name, ".zstd"):
		return Zstd
	}
	return None
}

// flusher is a compressor. Flush makes everything written so far readable from the underlying
// writer.
type flusher interface {
	io.WriteCloser
	Flush() error
}

// Memory limits of zstd. The writer's window keeps an export within its memory for any message
// size. The reader accepts what "zstd --long=27" writes. It refuses larger windows, with which a
// small file could claim gigabytes.
const (
	zstdWriteWindow = 1 << 20
	zstdReadWindow  = 128 << 20
)

func newCompressor(w io.Writer, c Compression) (flusher, error) {
	switch c {
	case Gzip:
		return gzip.NewWriter(w), nil
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWriteWindow))
	}
	return nil, nil
}

func newDecompressor(r io.Reader, magic []byte) (io.Reader, func(), error) {
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case len(magic) >= 4 && string(magic[:4]) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdReadWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}
