package handle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// maxAnswer limits the length of an answer line, in bytes.
const maxAnswer = 64 << 10

// answer is a line that a process wrote about a message.
type answer struct {
	tag    uint64 // 0: the oldest in its hands
	result Result
}

// parseAnswer parses {"tag":7,"result":"retry","type":"db","error":"locked","after":"30s"}. The
// error says what is wrong with the line.
func parseAnswer(line []byte) (answer, error) {
	var a struct {
		Tag    uint64
		Result string
		Type   string
		Error  string
		After  json.RawMessage
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return answer{}, fmt.Errorf("not the JSON of an answer: %w", err)
	}
	out := answer{tag: a.Tag}
	switch a.Result {
	case "ack":
		out.result = Done()
		return out, nil
	case "retry":
		out.result = Again(orElse(a.Type, ErrorTemp), orElse(a.Error, "the handler wants it later"))
		after, err := parseAfter(a.After)
		out.result.After = after
		return out, err
	case "dead-letter":
		out.result = Never(orElse(a.Type, "refused"), orElse(a.Error, "the handler refuses it"))
		return out, nil
	}
	return out, fmt.Errorf("its result is %.40q: want ack, retry or dead-letter", a.Result)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// parseAfter parses a duration or a number of seconds.
func parseAfter(raw json.RawMessage) (time.Duration, error) {
	text := string(bytes.Trim(raw, `"`))
	if text == "" || text == "null" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		seconds, bad := strconv.ParseFloat(text, 64)
		if bad != nil || !(seconds >= 0 && seconds <= maxRetryAfter.Seconds()) {
			return 0, fmt.Errorf(`after is %.40s: want a duration like "30s", or seconds`, raw)
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	return min(max(d, 0), maxRetryAfter), nil
}
