package ics

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var corpus = flag.String("corpus", "", "a folder of .ics files to read")

// TestCorpus: no file of others' collections, which are not ours to keep, panics, hangs or costs much. Without -corpus it
// reads the cases here.
func TestCorpus(t *testing.T) {
	dir := *corpus
	if dir == "" {
		dir = "testdata"
	}
	files, events, problems := 0, 0, 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.EqualFold(filepath.Ext(name), ".ics") {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files++
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		calendars, err := Parse(b)
		if err != nil {
			t.Logf("%s: %v", name, err)
		}
		for _, c := range calendars {
			for _, e := range c.Events {
				events++
				if e.Problem != "" {
					problems++
				}
				_, _ = Series{Master: e}.Occurrences(e.Start.instant(), e.Start.instant().AddDate(1, 0, 0)) // refused rules are counted nowhere
				sameTimes(t, c, e)
			}
		}
		runtime.ReadMemStats(&after)
		if took, cost := time.Since(began), after.TotalAlloc-before.TotalAlloc; took > 5*time.Second || cost > 100<<20 {
			t.Errorf("%s: %s, %d MB", name, took, cost>>20)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatal(files, err)
	}
	t.Logf("%d files, %d events, %d without a time that is known", files, events, problems)
}
