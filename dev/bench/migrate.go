package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/dev/bench/process"
	"github.com/msgctl/msgctl/dev/bench/reference"
)

const (
	maxOfShovels = 1.2
	migratedSize = 1024 // bytes of a body
)

// migrate compares the conversion of a classic queue to quorum with dynamic shovels that move the
// same messages into a classic queue, and from there into a quorum queue. Who comes first changes in
// each round.
func (b *benchmark) migrate(ctx context.Context, br reference.Broker) error {
	var ours, shovels, waits []time.Duration
	for round := range b.rounds {
		if err := br.EmptyVHost(ctx); err != nil {
			return err
		}
		l, err := br.Dial()
		if err != nil {
			return err
		}
		defer l.Close()
		const converted, source, there, back = "bench.converted", "bench.source", "bench.there", "bench.back"
		if err := l.Fanout("bench.orders", "classic", []string{converted, source}); err != nil {
			return err
		}
		if err := errorsOf(l.Declare(there, "classic"), l.Declare(back, "quorum")); err != nil {
			return err
		}
		err = l.Fill(ctx, "bench.orders", b.messages, []string{converted, source}, func(i int) amqp.Publishing {
			return reference.DeadLetter(i, migratedSize, reference.DiedIn)
		})
		if err != nil {
			return err
		}
		steps := []func() error{
			func() error {
				u, waited, err := b.convert(ctx, br, converted)
				ours, waits = append(ours, u.Wall), append(waits, waited)
				return errorsOf(err, l.Await(ctx, converted, b.messages))
			},
			func() error {
				out, err := br.Shovel(ctx, l, source, there, b.messages)
				if err != nil {
					return err
				}
				home, err := br.Shovel(ctx, l, there, back, b.messages)
				shovels = append(shovels, out.Wall+home.Wall)
				return err
			},
		}
		for i := range steps {
			time.Sleep(reference.Rest)
			if err := steps[(i+round)%len(steps)](); err != nil {
				return err
			}
		}
	}
	b.out.heading(fmt.Sprintf("RabbitMQ %s, %d messages of %d B in a classic queue that becomes a quorum queue, in %.1f "+
		"s per 100,000", br.Line, b.messages, migratedSize, median(ours).Seconds()*100_000/float64(b.messages)))
	b.out.atMost("time of queue convert / of two dynamic shovels", ratio(median(ours), median(shovels)), maxOfShovels,
		fmt.Sprintf("%.1f / %.1f s", median(ours).Seconds(), median(shovels).Seconds()))
	b.out.note(fmt.Sprintf("without the stages in which no message is moved, %.2f: these take %.1f s, however many "+
		"messages there are", ratio(median(ours)-median(waits), median(shovels)), median(waits).Seconds()))
	return br.RemoveVHost(ctx)
}

func errorsOf(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// convert converts a queue. waited is the time of the stages that move nothing.
func (b *benchmark) convert(ctx context.Context, br reference.Broker, queue string) (u process.Usage,
	waited time.Duration, err error) {
	u, err = process.Run(ctx, br.Environment(br.API), b.msgctl(), "queue", "convert", queue, "--to", "quorum", "--yes",
		"--allow-gap", "--progress", "none", "-o", "json")
	if err != nil {
		return u, 0, err
	}
	var doc struct {
		Stored int64
		Stages []struct {
			Moved     int64
			ElapsedMS int64 `json:"elapsed_ms"`
		}
	}
	_, text, _ := bytes.Cut(u.Out, []byte("\n{")) // the plan is before it
	if err := json.Unmarshal(append([]byte("{"), text...), &doc); err != nil {
		return u, 0, err
	}
	if doc.Stored != int64(b.messages) {
		return u, 0, fmt.Errorf("msgctl moved %d messages of %d", doc.Stored, b.messages)
	}
	for _, s := range doc.Stages {
		if s.Moved == 0 {
			waited += time.Duration(s.ElapsedMS) * time.Millisecond
		}
	}
	return u, waited, nil
}
