package reference

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// ConsumeQueue is the queue that the consumers empty. AtOnce is the number of messages that a
// process or an HTTP endpoint handles at once.
const (
	ConsumeQueue = "bench.consume"
	AtOnce       = 100
)

// Acknowledge consumes n messages and acknowledges each one.
func Acknowledge(ctx context.Context, l *Link, n int) error {
	in, err := l.Consume(ConsumeQueue, Prefetch)
	if err != nil {
		return err
	}
	for range n {
		d, err := receive(ctx, in)
		if err == nil {
			err = d.Ack(false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// HandByLines passes n messages to the process self as lines of JSON, at most AtOnce at a time. It
// acknowledges each message when the process has answered.
func HandByLines(ctx context.Context, l *Link, n int, self string) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", self)
	cmd.Env = append(os.Environ(), HandlerMode+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	in, err := l.Consume(ConsumeQueue, Prefetch)
	if err != nil {
		return err
	}
	slots, failed := make(chan struct{}, AtOnce), make(chan error, 1)
	go func() { failed <- ackAnswers(stdout, l, slots) }()
	for range n {
		d, err := receive(ctx, in)
		if err != nil {
			return err
		}
		slots <- struct{}{}
		line, err := json.Marshal(struct {
			Tag        uint64          `json:"tag"`
			RoutingKey string          `json:"routingKey"`
			MessageID  string          `json:"messageId"`
			Type       string          `json:"type"`
			Body       json.RawMessage `json:"body"`
		}{d.DeliveryTag, d.RoutingKey, d.MessageId, d.Type, d.Body})
		if err == nil {
			_, err = stdin.Write(append(line, '\n'))
		}
		if err != nil {
			return err
		}
	}
	if err := stdin.Close(); err != nil {
		return err
	}
	if err := <-failed; err != nil {
		return err
	}
	return cmd.Wait()
}

// ackAnswers acknowledges the messages that the process has answered, until the process ends.
func ackAnswers(stdout io.Reader, l *Link, slots <-chan struct{}) error {
	answers := bufio.NewScanner(stdout)
	for answers.Scan() {
		var a struct {
			Tag    uint64
			Result string
		}
		if err := json.Unmarshal(answers.Bytes(), &a); err != nil {
			return err
		}
		if err := l.Channel.Ack(a.Tag, false); err != nil {
			return err
		}
		<-slots
	}
	return answers.Err()
}

// Post sends n messages to url with HTTP POST, at most AtOnce at a time. It acknowledges each
// message when the endpoint has responded.
func Post(ctx context.Context, l *Link, n int, url string) error {
	in, err := l.Consume(ConsumeQueue, Prefetch)
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.MaxIdleConns = AtOnce, AtOnce
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	work := make(chan amqp.Delivery)
	var all sync.WaitGroup
	failed := make(chan error, AtOnce)
	for range AtOnce {
		all.Go(func() {
			for d := range work {
				if err := post(ctx, client, url, d); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for range n {
		d, err := receive(ctx, in)
		if err != nil {
			return err
		}
		select {
		case work <- d:
		case err := <-failed:
			return err
		}
	}
	close(work)
	all.Wait()
	return nil
}

func post(ctx context.Context, client *http.Client, url string, d amqp.Delivery) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(d.Body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", d.ContentType)
	req.Header.Set("Message-Id", d.MessageId)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("answered %s", res.Status)
	}
	return d.Ack(false)
}
