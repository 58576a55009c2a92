package linkparse

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkCases reads all cases; us/case is the median.
func BenchmarkCases(b *testing.B) {
	var events [][]Field
	for _, c := range readCases[linkCase](b, "links.jsonl") {
		events = append(events, c.fields(b))
	}
	took := make([]time.Duration, len(events))
	b.ReportAllocs()
	rounds := 0
	for b.Loop() {
		for i, fields := range events {
			start := time.Now()
			Find(Options{}, fields...)
			took[i] += time.Since(start)
		}
		rounds++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/float64(rounds)/1000, "us/case")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/float64(rounds)/1000, "us/case99")
}

// BenchmarkLinkFree reads texts in which there is nothing to find.
func BenchmarkLinkFree(b *testing.B) {
	const prose = "Agenda and/or notes: 1) last week's numbers; 2) who does what by 12/11. Rückfragen an Jörg, bitte.\r\n"
	for _, c := range []struct {
		name, text string
		kind       Kind
	}{
		{"text", fill(prose), Text},
		{"auto", fill(prose), Auto},
		{"html", fill("<p>" + strings.TrimSpace(prose) + "</p>\r\n"), HTML},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				if f := Find(Options{}, Field{Kind: c.kind, Text: c.text}); f.Links != nil || f.Opaque != nil {
					b.Fatal(f)
				}
			}
		})
	}
}
