package wire

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestFramesLeavesOutLargeBodies: in place of each frame of a body over the limit comes a heartbeat,
// and what is around it comes as it is, however the input is cut.
func TestFramesLeavesOutLargeBodies(t *testing.T) {
	part := frame(frameBody, 1, bytes.Repeat([]byte("b"), 70_000))
	head := join(deliverHead(1), frame(frameHeader, 1, announcing(140_000)))
	come := join(call(1, 60, 21, 1, 'c'), deliver(1), head, part, call(2, 60, 11), part, deliver(3), deliverHead(4),
		frame(frameHeader, 1, announcing(0)), deliver(5))
	for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
		func(r io.Reader) io.Reader { return r }} {
		f := NewFrames(&script{in: wrap(bytes.NewReader(come))}, Limits{Message: 100_000})
		ask := join([]byte("AMQP\x00\x00\x09\x01"), call(1, 60, 20, 0, 0, 1, 'q', 1, 'c', 0, 0, 0, 0, 0),
			call(2, 60, 10, 0, 0, 0, 0, 0, 0, 0))
		if _, err := f.Write(ask); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err != nil || f.Violation() != nil {
			t.Fatal(err, f.Violation())
		}
		before, rest, ok := bytes.Cut(got, deliverHead(1)[:7+4+2]) // the first delivery
		if !ok || !bytes.Equal(before, call(1, 60, 21, 1, 'c')) {
			t.Fatalf("%d bytes before", len(before))
		}
		beat := frame(frameHeartbeat, 0, nil)
		want := join(beat, call(2, 60, 11), beat, deliver(3), deliverHead(4), frame(frameHeader, 1, announcing(0)),
			deliver(5))
		if !bytes.HasSuffix(rest, want) {
			t.Errorf("%d bytes do not end as they should", len(rest))
		}
		marked := bytes.TrimSuffix(rest, want)
		marked = marked[bytes.LastIndex(marked, deliverHead(1)[7:])+len(deliverHead(1))-7:]
		if binary.BigEndian.Uint64(marked[7+4:]) != 0 || !bytes.Contains(marked, []byte(unreadHeader)) {
			t.Errorf("a header of %d bytes without a mark", len(marked))
		}
	}
}

// TestFramesLeavesOutHugeHeaders: in place of headers over the limit comes a mark, and in place of
// their body a heartbeat.
func TestFramesLeavesOutHugeHeaders(t *testing.T) {
	table := appendText(nil, "h", nil, strings.Repeat("x", headerLimit))
	table = append(table, "\x05fixedt\x01\x05tableF\x00\x00\x00\x04\x01nt\x01"+offset7+"\x04lastV"...)
	binary.BigEndian.PutUint32(table, uint32(len(table)-4))
	whole := join(announcing(5)[:12], []byte{0xe0, 0}, []byte("\x04text\x00"), table)
	for _, x := range []struct {
		huge   []byte
		offset bool
	}{{append(announcing(5), make([]byte, headerLimit)...), false}, {whole, true},
		{append(bytes.Clone(whole[:len(whole)-len(table)]), make([]byte, headerLimit)...), false}} {
		come := join(deliverHead(1), frame(frameHeader, 1, x.huge), frame(frameBody, 1, []byte("hello")), deliver(2))
		f := NewFrames(&script{in: bytes.NewReader(come)}, Limits{})
		got, err := io.ReadAll(f)
		beat := frame(frameHeartbeat, 0, nil)
		rest, ok := bytes.CutPrefix(got, deliverHead(1))
		marked, ended := bytes.CutSuffix(rest, join(beat, beat, deliver(2)))
		if err != nil || f.Violation() != nil || !ok || !ended {
			t.Fatalf("%d bytes, %v, %v", len(got), err, f.Violation())
		}
		why := []byte("more than the 4194304 that are read; not all of its headers were read")
		if binary.BigEndian.Uint64(marked[7+4:]) != 0 || !bytes.Contains(marked, why) ||
			bytes.Contains(marked, []byte(offset7)) != x.offset {
			t.Errorf("instead of the headers come %q", marked)
		}
	}
}

// offset7 is the header of the offset 7 in a stream.
const offset7 = "\x0fx-stream-offsetl\x00\x00\x00\x00\x00\x00\x00\x07"

// TestMarkWithoutRoom: headers that fill a frame are left out, so that there is room for the mark. The
// offset in a stream stays.
func TestMarkWithoutRoom(t *testing.T) {
	for size, kept := range map[int]bool{10: true, 3000: true, 4000: false} {
		g := newGuard(10)
		g.frameMax = 4096
		u, err := g.announced(1, 11)
		if err != nil || u == nil {
			t.Fatal(u, err)
		}
		table := append(appendText(nil, "h", nil, strings.Repeat("x", size)), offset7...)
		binary.BigEndian.PutUint32(table, uint32(len(table)-4))
		payload := append(announcing(11)[:12], 0x20, 0)
		marked, err := g.withMark(append(payload, table...), u)
		if err != nil {
			t.Fatal(err)
		}
		h, ok := parseHeader(marked)
		headers := map[string]any{}
		before, after, at := bytes.Cut(h.parts[headersIndex][4:], []byte(offset7))
		for rest := append(before, after...); len(rest) > 0; {
			name := string(rest[1 : 1+rest[0]])
			value := rest[2+len(name):]
			n := binary.BigEndian.Uint32(value)
			headers[name], rest = string(value[4:4+n]), value[4+n:]
		}
		got := TakeUnread(headers)
		if _, has := headers["h"]; !ok || !at || has != kept || got == nil || *got != *u || len(headers) > 1 ||
			strings.Contains(got.Why, "not all") == kept {
			t.Errorf("%d bytes: headers kept %v, mark %+v", size, has, got)
		}
	}
}
