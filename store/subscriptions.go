package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/store/db"
)

// MakeDue counts a push.
func (s *Store) MakeDue(ctx context.Context, src calendar.SourceID, at time.Time) error {
	return s.writes.outside(s.write).MakeDue(ctx, db.MakeDueParams{ID: string(src), At: ms(at)})
}

// PutSubscription adds sub, and drops those that it replaces and those that are over.
func (s *Store) PutSubscription(ctx context.Context, sub engine.Subscription, replaced ...string) error {
	if sub.Secret != "" || len(sub.SecretHash) != 64 {
		return fmt.Errorf("subscription of %s: its secret is to be stored, and only a SHA-256 of it may be", sub.Source)
	}
	return s.within(ctx, func(q *txn) error {
		for _, id := range replaced {
			if err := q.DropSubscription(ctx, id); err != nil {
				return fmt.Errorf("drop the subscription before it: %w", err)
			}
		}
		if err := q.DropSubscriptionsOver(ctx, ms(sub.MadeAt)); err != nil {
			return fmt.Errorf("drop subscriptions that are over: %w", err)
		}
		return q.PutSubscription(ctx, db.PutSubscriptionParams{
			ID: sub.ID, Source: string(sub.Source), Resource: sub.Resource, SecretHash: sub.SecretHash,
			Address: sub.Address, UntilAt: ms(sub.Until), MadeAt: ms(sub.MadeAt),
		})
	})
}

// Subscriptions are all subscriptions, by id.
func (s *Store) Subscriptions(ctx context.Context) ([]engine.Subscription, error) {
	rows, err := s.reading().Subscriptions(ctx)
	return toSubscriptions(rows, err)
}

// SubscriptionsOf are those of one calendar, the newest first.
func (s *Store) SubscriptionsOf(ctx context.Context, src calendar.SourceID) ([]engine.Subscription, error) {
	rows, err := s.reading().SubscriptionsOf(ctx, string(src))
	return toSubscriptions(rows, err)
}

// Subscription is the one of that id, and its calendar's state.
func (s *Store) Subscription(ctx context.Context, id string) (engine.Subscription, engine.SourceState, bool, error) {
	row, err := s.reading().Subscription(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return engine.Subscription{}, engine.SourceState{}, false, nil
	}
	return toSubscription(row.Subscription), toState(row.Source), err == nil, err
}

// DropSubscription forgets the one of that id.
func (s *Store) DropSubscription(ctx context.Context, id string) error {
	return s.writes.outside(s.write).DropSubscription(ctx, id)
}

func toSubscriptions(rows []db.Subscription, err error) ([]engine.Subscription, error) {
	if err != nil {
		return nil, err
	}
	all := make([]engine.Subscription, len(rows))
	for i, row := range rows {
		all[i] = toSubscription(row)
	}
	return all, nil
}

func toSubscription(row db.Subscription) engine.Subscription {
	return engine.Subscription{
		Subscription: connectors.Subscription{ID: row.ID, Address: row.Address, Resource: row.Resource, Until: fromMS(row.UntilAt)},
		Source:       calendar.SourceID(row.Source), SecretHash: row.SecretHash, MadeAt: fromMS(row.MadeAt),
	}
}
