package telemetry

// Spans returns what counts spans that a collector has taken, and those that none has.
func (m *Metrics) Spans() (exported, lost func(spans int)) {
	taken := counter("trace_spans_exported_total", "Spans that were sent to the collector of traces.")
	gone := counter("trace_spans_lost_total", "Spans that were not: the queue was full, or the collector did not take them.")
	m.registry.MustRegister(taken, gone)
	return func(n int) { taken.Add(float64(n)) }, func(n int) { gone.Add(float64(n)) }
}

// Reports returns what counts error reports that were sent, and those that were not.
func (m *Metrics) Reports() (sent, lost func()) {
	taken := counter("error_reports_sent_total", "Error reports that were sent.")
	gone := counter("error_reports_lost_total", "Error reports that were not: there were too many at once, or the receiver did not take them.")
	m.registry.MustRegister(taken, gone)
	return taken.Inc, gone.Inc
}
