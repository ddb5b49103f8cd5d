package telemetry

import (
	"bufio"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The types of metrics.
const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

// maxLabels is how many labels a metric has at most.
const maxLabels = 4

// buckets of histograms, in seconds: from half a millisecond to over a minute.
var buckets = [...]float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120}

// Family is a metric with its labels.
type Family struct {
	name, kind, help string
	labels           []string

	mu     sync.Mutex
	series map[[maxLabels]string]*series
}

// series is a metric with values of its labels. Those of a histogram count what is at most the
// bucket, and more than the one before.
type series struct {
	value  float64 // of a histogram, the sum
	count  uint64
	counts [len(buckets)]uint64
}

func newFamily(name, kind, help string, labels ...string) *Family {
	return &Family{name: name, kind: kind, help: help, labels: labels, series: map[[maxLabels]string]*series{}}
}

// NewCounter returns a counter without values; it has at most four labels.
func NewCounter(name, help string, labels ...string) *Family {
	return newFamily(name, counter, help, labels...)
}

// NewGauge returns a gauge without values; it has at most four labels.
func NewGauge(name, help string, labels ...string) *Family {
	return newFamily(name, gauge, help, labels...)
}

// Name is the metric's name.
func (f *Family) Name() string { return f.name }

// Help is one line for people.
func (f *Family) Help() string { return f.help }

// Labels are the names of its labels.
func (f *Family) Labels() []string { return f.labels }

// Empty says that it has no values.
func (f *Family) Empty() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.series) == 0
}

// Set gives a gauge its value.
func (f *Family) Set(v float64, labels ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.of(labels).value = v
}

// Add adds to a counter or a gauge, with the values of its labels. Bound what comes from outside:
// see Labels.
func (f *Family) Add(by float64, labels ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.of(labels).value += by
}

// Observe adds a value to a histogram.
func (f *Family) Observe(v float64, labels ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.of(labels)
	s.value += v
	s.count++
	if i, _ := slices.BinarySearch(buckets[:], v); i < len(buckets) {
		s.counts[i]++
	}
}

func (f *Family) of(labels []string) *series {
	var key [maxLabels]string
	copy(key[:], labels)
	s := f.series[key]
	if s == nil {
		s = &series{}
		f.series[key] = s
	}
	return s
}

func (f *Family) write(w *bufio.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// Flush tells of errors
	_, _ = w.WriteString("# HELP " + f.name + " " + f.help + "\n# TYPE " + f.name + " " + f.kind + "\n")
	keys := slices.SortedFunc(maps.Keys(f.series), func(a, b [maxLabels]string) int { return slices.Compare(a[:], b[:]) })
	for _, key := range keys {
		s := f.series[key]
		if f.kind != histogram {
			f.line(w, "", key, "", s.value)
			continue
		}
		sum := uint64(0)
		for i, most := range buckets {
			sum += s.counts[i]
			f.line(w, "_bucket", key, strconv.FormatFloat(most, 'g', -1, 64), float64(sum))
		}
		f.line(w, "_bucket", key, "+Inf", float64(s.count))
		f.line(w, "_sum", key, "", s.value)
		f.line(w, "_count", key, "", float64(s.count))
	}
}

// line writes name{label="value",…} and the value.
func (f *Family) line(w *bufio.Writer, suffix string, key [maxLabels]string, le string, value float64) {
	_, _ = w.WriteString(f.name + suffix)
	names, values := f.labels, key[:len(f.labels)]
	if le != "" {
		names, values = append(names[:len(names):len(names)], "le"), append(values, le)
	}
	for i, name := range names {
		_, _ = w.WriteString(map[bool]string{true: "{", false: ","}[i == 0] + name + `="` + labelText(values[i]) + `"`)
	}
	if len(names) > 0 {
		_, _ = w.WriteString("}")
	}
	_, _ = w.WriteString(" " + strconv.FormatFloat(value, 'f', -1, 64) + "\n")
}

// labelText escapes a label's value as the format wants it.
func labelText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsAny(s, "\\\"\n") {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}
