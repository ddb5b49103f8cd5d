package reference

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// Workload is a number of objects to declare: 40% classic queues, 10% exchanges and 50% bindings.
type Workload struct{ exchanges, queues, bindings int }

// NewWorkload returns a Workload of about the given number of objects.
func NewWorkload(objects int) Workload {
	return Workload{exchanges: objects / 10, queues: objects * 4 / 10, bindings: objects / 2}
}

// Size returns the number of all objects.
func (w Workload) Size() int { return w.exchanges + w.queues + w.bindings }

func exchangeName(i int) string { return fmt.Sprintf("bench.exchange.%05d", i) }

// QueueName returns the name of the i-th queue.
func QueueName(i int) string { return fmt.Sprintf("bench.queue.%05d", i) }

// binding returns the exchange, queue and routing key of the i-th binding.
func (w Workload) binding(i int) (exchange, queue, key string) {
	return exchangeName(i % w.exchanges), QueueName(i % w.queues), fmt.Sprintf("key.%05d", i)
}

// WriteTopology writes the workload to path as a topology file.
func (w Workload) WriteTopology(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	fmt.Fprintf(b, "version: 1\nname: bench\nvhost: %s\nexchanges:\n", VHost)
	for i := range w.exchanges {
		fmt.Fprintf(b, "  %s: { type: topic }\n", exchangeName(i))
	}
	perQueue := make([][]string, w.queues)
	for i := range w.bindings {
		x, _, key := w.binding(i)
		perQueue[i%w.queues] = append(perQueue[i%w.queues], fmt.Sprintf("      - { exchange: %s, key: %s }\n", x, key))
	}
	fmt.Fprintln(b, "queues:")
	for i, bindings := range perQueue {
		fmt.Fprintf(b, "  %s:\n    type: classic\n", QueueName(i))
		if len(bindings) > 0 {
			fmt.Fprintln(b, "    bindings:")
		}
		for _, line := range bindings {
			_, _ = b.WriteString(line)
		}
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return f.Close()
}

type object = map[string]any

// definitions returns the workload as a definitions file for the bulk import of the broker.
func (w Workload) definitions() ([]byte, error) {
	var exchanges, queues, bindings []object
	for i := range w.exchanges {
		exchanges = append(exchanges, object{
			"name": exchangeName(i), "type": "topic", "durable": true, "auto_delete": false, "internal": false,
			"arguments": object{},
		})
	}
	for i := range w.queues {
		queues = append(queues, object{
			"name": QueueName(i), "durable": true, "auto_delete": false, "arguments": object{"x-queue-type": "classic"},
		})
	}
	for i := range w.bindings {
		x, q, key := w.binding(i)
		bindings = append(bindings, object{
			"source": x, "destination": q, "destination_type": "queue", "routing_key": key, "arguments": object{},
		})
	}
	return json.Marshal(object{"exchanges": exchanges, "queues": queues, "bindings": bindings})
}
