package promtest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

var description = regexp.MustCompile(`fqName: "(\w+)".*variableLabels: \{(.*)\}\}$`)

// Labels returns the labels of each metric of some collectors, by the metric's name.
func Labels(t testing.TB, collectors ...prometheus.Collector) map[string][]string {
	t.Helper()
	labels := map[string][]string{}
	for _, c := range collectors {
		descriptions := make(chan *prometheus.Desc)
		go func() { c.Describe(descriptions); close(descriptions) }()
		for d := range descriptions {
			found := description.FindStringSubmatch(d.String())
			if found == nil {
				t.Fatalf("no name and labels of %v", d)
			}
			labels[found[1]] = nil
			if found[2] != "" {
				labels[found[1]] = strings.Split(found[2], ",")
			}
		}
	}
	return labels
}
