package wire

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"testing/iotest"
)

// tune is connection.tune, or its answer.
func tune(method uint16, frameMax uint32) []byte {
	b := []byte{frameMethod, 0, 0, 0, 0, 0, 12}
	b = binary.BigEndian.AppendUint16(b, classConnection)
	b = binary.BigEndian.AppendUint16(b, method)
	b = binary.BigEndian.AppendUint16(b, 2047)
	b = binary.BigEndian.AppendUint32(b, frameMax)
	b = binary.BigEndian.AppendUint16(b, 60)
	return append(b, 0xce)
}

// scripted is a connection of which the peer says what it says, and writes are remembered.
type scripted struct {
	net.Conn
	says  io.Reader
	wrote bytes.Buffer
}

func (s *scripted) Read(p []byte) (int, error)  { return s.says.Read(p) }
func (s *scripted) Write(p []byte) (int, error) { return s.wrote.Write(p) }

func TestLargeFramesShowsNoLimitAndAnswersWithTheBrokers(t *testing.T) {
	start := []byte{frameMethod, 0, 0, 0, 0, 0, 5, 0, 10, 0, 10, 0, 0xce}
	heartbeat := []byte{8, 0, 0, 0, 0, 0, 0, 0xce}
	for name, c := range map[string]struct{ offered, shown, answered, sent uint32 }{
		"usual":                     {131072, 0, 4 << 20, 131072},
		"no limit":                  {0, 0, 4 << 20, 4 << 20},
		"more than the client's":    {8 << 20, 8 << 20, 4 << 20, 4 << 20},
		"the same as the client's":  {4 << 20, 4 << 20, 4 << 20, 4 << 20},
		"a limit of a few kilobyte": {4096, 0, 4 << 20, 4096},
	} {
		t.Run(name, func(t *testing.T) {
			conn := &scripted{says: iotest.OneByteReader(bytes.NewReader(
				bytes.Join([][]byte{start, tune(methodTune, c.offered), []byte("later")}, nil)))}
			client := LargeFrames(conn, 4<<20)
			read, err := io.ReadAll(iotest.OneByteReader(client))
			if want := bytes.Join([][]byte{start, tune(methodTune, c.shown), []byte("later")}, nil); err != nil ||
				!bytes.Equal(read, want) {
				t.Errorf("the client reads % x\nwant % x (%v)", read, want, err)
			}
			for _, b := range bytes.Join([][]byte{heartbeat, tune(methodTuneOk, c.answered), []byte("later")}, nil) {
				if _, err := client.Write([]byte{b}); err != nil {
					t.Fatal(err)
				}
			}
			want := bytes.Join([][]byte{heartbeat, tune(methodTuneOk, c.sent), []byte("later")}, nil)
			if !bytes.Equal(conn.wrote.Bytes(), want) {
				t.Errorf("the broker reads % x\nwant % x", conn.wrote.Bytes(), want)
			}
		})
	}
}

// What speaks another protocol, or ends in the middle, reaches the client as it is.
func TestLargeFramesPassesWhatIsNoAMQP(t *testing.T) {
	for _, said := range []string{"", "HT", "HTTP/1.1 400 Bad Request", "\x01\x00\x00\x00\x00\x00\x05\x00", "\x01\x00\x00\xff\xff\xff\xff\x00"} {
		read, err := io.ReadAll(LargeFrames(&scripted{says: bytes.NewReader([]byte(said))}, 4<<20))
		if err != nil || string(read) != said {
			t.Errorf("%q arrives as %q (%v)", said, read, err)
		}
	}
}
