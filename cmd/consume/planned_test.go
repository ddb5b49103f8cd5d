package consume_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// outcome is what a planned handler does to a message, by its number.
type outcome string

const (
	outcomeAck       outcome = "fine"
	outcomeTwice     outcome = "fails twice" // and is handled at the third attempt
	outcomeRetryable outcome = "always retryable"
	outcomeFatal     outcome = "fatal"
	outcomeNonsense  outcome = "invalid UTF-8 in the error"
	outcomeCrash     outcome = "crash"     // once
	outcomeHang      outcome = "hang"      // once
	outcomeGarbage   outcome = "garbage"   // 100 MB of output, and handled
	outcomeBadAnswer outcome = "no answer" // once: a line that is no answer
)

// plannedFate spreads the fates so that rare ones cost little time.
func plannedOutcome(n int) outcome {
	switch {
	case n%2500 == 1204:
		return outcomeHang
	case n%2500 == 1705:
		return outcomeGarbage
	case n%500 == 103:
		return outcomeCrash
	case n%500 == 303:
		return outcomeBadAnswer
	}
	switch n % 50 {
	case 0:
		return outcomeTwice
	case 10:
		return outcomeRetryable
	case 20:
		return outcomeFatal
	case 30:
		return outcomeNonsense
	}
	return outcomeAck
}

// dies says that the message ends in the dead-letter queue, after how many attempts, and with which
// type of error.
func (f outcome) dies() (attempts int, kind string, dies bool) {
	switch f {
	case outcomeRetryable:
		return 3, "db", true
	case outcomeFatal:
		return 1, "fatal", true
	case outcomeNonsense:
		return 1, "nonsense", true
	}
	return 0, "", false
}

// plannedHandler is the program consume-planned: it answers as planned, and first writes down what
// it does.
func plannedHandler() {
	log, err := os.OpenFile(os.Getenv("HANDLER_LOG"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var m struct {
			Tag, Attempt int
			Headers      struct{ N int }
			Properties   struct{ MessageID string }
		}
		if err := json.Unmarshal(line, &m); err != nil {
			panic(err)
		}
		result, more := plannedAnswer(plannedOutcome(m.Headers.N), m.Attempt)
		if _, err := fmt.Fprintf(log, "%s %d %s\n", m.Properties.MessageID, m.Attempt, result); err != nil {
			panic(err)
		}
		answer := fmt.Sprintf(`{"tag":%d,"result":%q%s}`+"\n", m.Tag, result, more)
		switch result {
		case "crash":
			fmt.Fprintln(os.Stderr, "panic: as planned")
			os.Exit(3)
		case "hang":
			time.Sleep(time.Hour)
		case "no answer":
			answer = "{\"tag\": nonsense}\n"
		case "garbage":
			chunk := bytes.Repeat([]byte("\x1b[31mgarbage\xff without a newline "), 1<<15)
			for written := 0; written < 100<<20; written += len(chunk) {
				_, _ = os.Stdout.Write(chunk)
			}
			_, _ = os.Stdout.WriteString("\n")
			answer = strings.Replace(answer, "garbage", "ack", 1)
		}
		if _, err := os.Stdout.WriteString(answer); err != nil {
			return
		}
	}
}

// plannedAnswer returns what is done at an attempt, and further members of the answer.
func plannedAnswer(f outcome, attempt int) (result, more string) {
	switch {
	case f == outcomeTwice && attempt <= 2, f == outcomeRetryable:
		return "retry", `,"type":"db","error":"locked"`
	case f == outcomeFatal:
		return "dead-letter", `,"type":"fatal","error":"no such customer"`
	case f == outcomeNonsense:
		return "dead-letter", ",\"type\":\"nonsense\",\"error\":\"\xff\xfe \\u001b[31m\""
	case f == outcomeCrash && attempt == 1:
		return "crash", ""
	case f == outcomeHang && attempt == 1:
		return "hang", ""
	case f == outcomeBadAnswer && attempt == 1:
		return "no answer", ""
	case f == outcomeGarbage:
		return "garbage", ""
	}
	return "ack", ""
}
