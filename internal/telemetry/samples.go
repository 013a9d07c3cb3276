package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Sample is a number at the moment of a scrape. All of one name have the same help and the
// same names of labels.
type Sample struct {
	Name, Help string
	Counter    bool // it only grows
	Labels     []string
	Value      float64
}

// Samples shows what list returns at each scrape: for numbers whose labels come and go, as
// those of instances do. How many there are, list has to bound. Labels are pairs of name and value.
func (m *Metrics) Samples(list func() []Sample) { m.registry.MustRegister(samples(list)) }

// samples is a prometheus.Collector.
type samples func() []Sample

// Describe implements prometheus.Collector. What there will be is not known beforehand.
func (samples) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (list samples) Collect(metrics chan<- prometheus.Metric) {
	for _, s := range list() {
		kind := prometheus.GaugeValue
		if s.Counter {
			kind = prometheus.CounterValue
		}
		var names, values []string
		for i := 0; i+1 < len(s.Labels); i += 2 {
			names, values = append(names, s.Labels[i]), append(values, s.Labels[i+1])
		}
		metrics <- prometheus.MustNewConstMetric(prometheus.NewDesc(s.Name, s.Help, names, nil), kind, s.Value, values...)
	}
}
