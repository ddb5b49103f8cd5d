package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Consuming: `msgctl consume` against a consumer of the client library that does the same with each
// message: acknowledges it, gives it to a process by lines of JSON, or posts it, so many at once.
// Everyone finds the same messages in a classic queue.
const (
	consumeQueue  = "bench.consume"
	consumeSize   = 512
	consumeAtOnce = 100

	minOfDiscard    = 0.9
	minOfPersistent = 0.5
	minOfHTTP       = 0.8
	maxConsumeMB    = 96

	// handlerMode makes this program a handler: see echoHandler.
	handlerMode = "MSGCTL_BENCH_HANDLER"
)

// echoHandler answers every line with ack, as quickly as can be.
func echoHandler() {
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

// consume measures every kind of handler in turn.
func (b *benchmark) consume(ctx context.Context, br broker) error {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	at := strconv.Itoa(consumeAtOnce)
	kinds := []struct {
		name   string
		args   []string
		events int
		least  float64
		bare   func(context.Context, *link, int) error
	}{
		{"--discard", []string{"--discard"}, b.events, minOfDiscard, bareAcks},
		{"--exec --persistent", []string{"--exec", handlerMode + "=1 " + self, "--persistent", "--concurrency", at},
			b.events / 2, minOfPersistent,
			func(ctx context.Context, l *link, n int) error { return barePersistent(ctx, l, n, self) }},
		{"--http", []string{"--http", server.URL, "--http-format", "raw", "--concurrency", at}, b.events / 4, minOfHTTP,
			func(ctx context.Context, l *link, n int) error { return barePosts(ctx, l, n, server.URL) }},
	}
	b.out.heading(fmt.Sprintf("RabbitMQ %s, messages of %d B consumed from a classic queue, %d at once", br.line,
		consumeSize, consumeAtOnce))
	var peak int64
	for _, k := range kinds {
		var ours, theirs []time.Duration
		for range b.rounds {
			u, err := b.consumeRound(ctx, br, k.events, k.args)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			bare, err := bareConsumeRound(ctx, br, k.events, k.bare)
			if err != nil {
				return fmt.Errorf("a bare consumer as %s: %w", k.name, err)
			}
			ours, theirs, peak = append(ours, u.wall), append(theirs, bare), max(peak, u.peakKiB)
		}
		b.out.atLeast("rate of consume "+k.name+" / of a bare consumer", ratio(median(theirs), median(ours)), k.least,
			rates(k.events, median(ours), median(theirs)))
	}
	b.out.atMost("peak memory in MB", megabytes(peak), maxConsumeMB, "")
	return br.removeVHost(ctx)
}

// consumeArena makes the queue and its messages.
func consumeArena(ctx context.Context, br broker, n int) (*link, error) {
	if err := br.emptyVHost(ctx); err != nil {
		return nil, err
	}
	l, err := br.dial()
	if err != nil {
		return nil, err
	}
	_, err = l.channel.QueueDeclare(consumeQueue, true, false, false, false,
		amqp.Table{"x-queue-type": "classic", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
	if err == nil {
		err = l.declare("dead", "classic")
	}
	for i := 0; err == nil && i < n; i++ {
		err = l.channel.PublishWithContext(ctx, "", consumeQueue, false, false, amqp.Publishing{
			ContentType: "application/json", DeliveryMode: amqp.Persistent, MessageId: strconv.Itoa(i), Type: "order.created",
			Body: payloadOf(i, consumeSize),
		})
	}
	if err == nil {
		err = l.await(ctx, consumeQueue, n)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	time.Sleep(rest)
	return l, nil
}

func (b *benchmark) consumeRound(ctx context.Context, br broker, n int, args []string) (usage, error) {
	l, err := consumeArena(ctx, br, n)
	if err != nil {
		return usage{}, err
	}
	defer l.close()
	full := append([]string{"consume", consumeQueue, "--limit", strconv.Itoa(n), "--prefetch", strconv.Itoa(consumeWindow),
		"--log-level", "error"}, args...)
	u, err := run(ctx, br.environment(br.api), b.msgctl(), full...)
	if err != nil {
		return u, err
	}
	if left, err := l.ready(consumeQueue); err != nil || left != 0 {
		return u, fmt.Errorf("%d messages are left: %w", left, err)
	}
	return u, nil
}

func bareConsumeRound(ctx context.Context, br broker, n int,
	consume func(context.Context, *link, int) error) (time.Duration, error) {
	filler, err := consumeArena(ctx, br, n)
	if err != nil {
		return 0, err
	}
	defer filler.close()
	start := time.Now()
	l, err := br.dial()
	if err != nil {
		return 0, err
	}
	defer l.close()
	err = consume(ctx, l, n)
	return time.Since(start), err
}

// bareAcks acknowledges each message.
func bareAcks(ctx context.Context, l *link, n int) error {
	in, err := l.consume(consumeQueue, consumeWindow)
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

// barePersistent gives each message to a process, so many at once, and acknowledges it when that
// has answered.
func barePersistent(ctx context.Context, l *link, n int, self string) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", self)
	cmd.Env = append(os.Environ(), handlerMode+"=1")
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
	in, err := l.consume(consumeQueue, consumeWindow)
	if err != nil {
		return err
	}
	slots, failed := make(chan struct{}, consumeAtOnce), make(chan error, 1)
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

// ackAnswers acknowledges what the process has answered, until it ends.
func ackAnswers(stdout io.Reader, l *link, slots <-chan struct{}) error {
	answers := bufio.NewScanner(stdout)
	for answers.Scan() {
		var a struct {
			Tag    uint64
			Result string
		}
		if err := json.Unmarshal(answers.Bytes(), &a); err != nil {
			return err
		}
		if err := l.channel.Ack(a.Tag, false); err != nil {
			return err
		}
		<-slots
	}
	return answers.Err()
}

// barePosts posts each message, so many at once, and acknowledges it when that is answered.
func barePosts(ctx context.Context, l *link, n int, url string) error {
	in, err := l.consume(consumeQueue, consumeWindow)
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.MaxIdleConns = consumeAtOnce, consumeAtOnce
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	work := make(chan amqp.Delivery)
	var all sync.WaitGroup
	failed := make(chan error, consumeAtOnce)
	for range consumeAtOnce {
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
