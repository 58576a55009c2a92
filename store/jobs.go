package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"example.com/syncd/engine"
)

// args are a job of the engine's as River stores it. All kinds of the engine's are one kind of River's, each with a
// queue of its own.
type args struct {
	Job     string `json:"job"`
	Subject string `json:"subject,omitempty"`
	Fence   int64  `json:"fence,omitempty"`
}

// Kind is River's.
func (args) Kind() string { return "syncd" }

func toArgs(j engine.Job) args { return args{string(j.Kind), j.Subject, j.Fence} }

func (a args) job(id int64) engine.Job {
	return engine.Job{ID: id, Kind: engine.Kind(a.Job), Subject: a.Subject, Fence: a.Fence}
}

// tries is how often River tries a job. What it gives up is admitted anew when the lease ends, or found undecided.
const tries = 5

// insert inserts the jobs that a transaction makes necessary.
func (s *Store) insert(t *txn) error {
	if len(t.jobs) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, len(t.jobs))
	for i, j := range t.jobs {
		params[i] = river.InsertManyParams{Args: toArgs(j), InsertOpts: &river.InsertOpts{Queue: string(j.Kind), MaxAttempts: tries}}
	}
	if _, err := s.queue.InsertManyFastTx(t.ctx, t.sql, params); err != nil {
		return fmt.Errorf("insert %d jobs: %w", len(params), err)
	}
	return nil
}

// worker has River's jobs done.
type worker struct {
	river.WorkerDefaults[args]
	do func(context.Context, engine.Job) error
}

// Work does one.
func (w worker) Work(ctx context.Context, j *river.Job[args]) error {
	return w.do(ctx, j.Args.job(j.ID))
}

// Timeout is none: the engine's own limits are shorter, and differ by kind.
func (w worker) Timeout(*river.Job[args]) time.Duration { return -1 }

// How River works.
const (
	fetchesEvery = 20 * time.Millisecond // at most
	looksEvery   = time.Second           // at least
	rescuedAfter = 30 * time.Minute      // longer than any chore may take; what hurries is admitted anew
	keptFor      = time.Minute           // of what is done
	endsWithin   = 20 * time.Second      // at the end of the process
)

// Work has jobs done until ctx ends, and those under way finished. A database that can't be reached is tried again.
func (s *Store) Work(ctx context.Context, workers map[engine.Kind]int, do func(context.Context, engine.Job) error) error {
	known := river.NewWorkers()
	river.AddWorker(known, worker{do: do})
	queues := map[string]river.QueueConfig{}
	for k, n := range workers {
		queues[string(k)] = river.QueueConfig{MaxWorkers: n, FetchCooldown: fetchesEvery, FetchPollInterval: looksEvery}
	}
	for ctx.Err() == nil {
		client, err := river.NewClient(s.driver(), &river.Config{
			Queues: queues, Workers: known, Logger: slog.New(slog.DiscardHandler), RescueStuckJobsAfter: rescuedAfter,
			CompletedJobRetentionPeriod: keptFor, SoftStopTimeout: endsWithin, JobTimeout: -1,
		})
		if err != nil {
			return fmt.Errorf("make a client of River: %w", err)
		}
		// The jobs' own context outlives ctx by a while: what is under way is finished.
		if err := client.Start(context.WithoutCancel(ctx)); err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(looksEvery * 8):
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-client.Stopped():
			continue
		}
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), endsWithin)
		err = client.Stop(grace)
		cancel()
		if err != nil {
			hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), endsWithin)
			defer cancel()
			return client.StopAndCancel(hard)
		}
	}
	return nil
}

// Jobs are jobs that wait.
func (s *Store) Jobs(ctx context.Context, n int) ([]engine.Job, error) {
	r, err := s.queue.JobList(ctx, river.NewJobListParams().States(rivertype.JobStateAvailable).OrderBy(river.JobListOrderByID, river.SortOrderAsc).First(n))
	if err != nil {
		return nil, err
	}
	jobs := make([]engine.Job, len(r.Jobs))
	for i, row := range r.Jobs {
		var a args
		if err := json.Unmarshal(row.EncodedArgs, &a); err != nil {
			return nil, fmt.Errorf("job %d: %w", row.ID, err)
		}
		jobs[i] = a.job(row.ID)
	}
	return jobs, nil
}

// Finished takes a job out.
func (s *Store) Finished(ctx context.Context, j engine.Job) error {
	_, err := s.queue.JobDelete(ctx, j.ID)
	if errors.Is(err, rivertype.ErrNotFound) { // it was done twice
		return nil
	}
	return err
}
