package reference

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
)

// HandlerMode is the name of the environment variable that turns the benchmark into a handler: see
// EchoHandler.
const HandlerMode = "MSGCTL_BENCH_HANDLER"

// EchoHandler answers every line on stdin with ack, as fast as it can.
func EchoHandler() {
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		tag := bytes.TrimPrefix(line, []byte(`{"tag":`))
		tag = tag[:bytes.IndexByte(tag, ',')]
		_, _ = fmt.Fprintf(out, `{"tag":%s,"result":"ack"}`+"\n", tag)
		if in.Buffered() == 0 {
			if out.Flush() != nil {
				return
			}
		}
	}
}
