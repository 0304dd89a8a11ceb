package pulsarlog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// ErrRetention: a namespace forgets sooner than is configured, or by something else
// than time. Whoever installs sets it: the log does not change what exists.
var ErrRetention = errors.New("the namespace's policies let the log forget too soon")

// policies are those of a namespace that concern what is forgotten.
type policies struct {
	Retention *retention `json:"retention_policies,omitempty"`
	// InactiveTopics: by default the broker deletes topics that nobody is connected
	// to, and with them the positions.
	InactiveTopics *inactive `json:"inactive_topic_policies,omitempty"`
	// TTLSeconds and ExpirationMinutes would move or delete subscriptions behind our
	// back, and with them what they hold.
	TTLSeconds        *int `json:"message_ttl_in_seconds,omitempty"`
	ExpirationMinutes *int `json:"subscription_expiration_time_minutes,omitempty"`
}

type retention struct {
	// Minutes and MiB: -1 is without limit, and the smaller of both decides.
	Minutes int `json:"retentionTimeInMinutes"`
	MiB     int `json:"retentionSizeInMB"`
}

type inactive struct {
	Mode    string `json:"inactiveTopicDeleteMode"`
	Seconds int    `json:"maxInactiveDurationSeconds"`
	Delete  bool   `json:"deleteWhileInactive"`
}

// wanted are the policies of a namespace that is made new.
func wanted(minutes int) policies {
	zero := 0
	return policies{
		Retention:      &retention{Minutes: minutes, MiB: -1},
		InactiveTopics: &inactive{Mode: "delete_when_no_subscriptions", Seconds: 60},
		TTLSeconds:     &zero, ExpirationMinutes: &zero,
	}
}

// check says what of p would forget sooner than after so many minutes; -1: ever.
func (p policies) check(minutes int) error {
	var errs []error
	r := p.Retention
	switch {
	case r == nil:
		errs = append(errs, errors.New("retention is not set"))
	case r.MiB != -1:
		errs = append(errs, fmt.Errorf("retentionSizeInMB is %d, want -1", r.MiB))
	case r.Minutes != -1 && (minutes == -1 || r.Minutes < minutes):
		errs = append(errs, fmt.Errorf("retentionTimeInMinutes is %d, want %d or longer", r.Minutes, minutes))
	}
	if p.InactiveTopics == nil || p.InactiveTopics.Delete {
		errs = append(errs, errors.New("deleteWhileInactive is not false"))
	}
	if p.TTLSeconds != nil && *p.TTLSeconds != 0 {
		errs = append(errs, fmt.Errorf("message_ttl_in_seconds is %d, want 0", *p.TTLSeconds))
	}
	if p.ExpirationMinutes != nil && *p.ExpirationMinutes != 0 {
		errs = append(errs, fmt.Errorf("subscription_expiration_time_minutes is %d, want 0", *p.ExpirationMinutes))
	}
	if len(errs) > 0 {
		return fmt.Errorf("%w: %w", ErrRetention, errors.Join(errs...))
	}
	return nil
}

// found finds the log, or founds it. Whatever of it is missing is made; two
// processes may do so at once.
func (l *Log) found(ctx context.Context) error {
	minutes := -1
	if l.config.Retention > 0 {
		minutes = int(l.config.Retention / time.Minute)
	}
	c := l.config
	if err := l.foundTopic(ctx, c.Tenant+"/"+c.EventsNamespace, "events", c.Partitions, minutes); err != nil {
		return err
	}
	if err := l.foundTopic(ctx, c.Tenant+"/"+c.ControlNamespace, "control", 1, -1); err != nil {
		return err
	}
	for _, p := range l.partitions() {
		if err := l.foundFloor(ctx, p); err != nil {
			return fmt.Errorf("found %s: %w", p, err)
		}
	}
	return nil
}

// foundTopic finds a namespace and its one topic and checks them, or makes them.
func (l *Log) foundTopic(ctx context.Context, namespace, topic string, partitions uint32, minutes int) error {
	err := l.ask(ctx, http.MethodPut, "namespaces/"+namespace, wanted(minutes), nil)
	if err != nil && !refused(err, http.StatusConflict) && !refused(err, http.StatusForbidden) && !refused(err, http.StatusUnauthorized) {
		return fmt.Errorf("make namespace: %w", err)
	}
	var found policies
	if err := l.ask(ctx, http.MethodGet, "namespaces/"+namespace, nil, &found); err != nil {
		return fmt.Errorf("read policies of namespace %s: %w", namespace, err)
	}
	if err := found.check(minutes); err != nil {
		return fmt.Errorf("check namespace %s: %w", namespace, err)
	}
	path := "persistent/" + namespace + "/" + topic + "/partitions"
	var has struct {
		Partitions uint32 `json:"partitions"`
	}
	err = l.ask(ctx, http.MethodGet, path, nil, &has)
	if refused(err, http.StatusNotFound) {
		err = l.ask(ctx, http.MethodPut, path, partitions, nil)
		if err == nil || refused(err, http.StatusConflict) {
			err = l.ask(ctx, http.MethodGet, path, nil, &has)
		}
	}
	if err != nil {
		return fmt.Errorf("find topic %s of %s: %w", topic, namespace, err)
	}
	if has.Partitions != partitions {
		return fmt.Errorf("%w: %s of %s has %d and %d are configured", eventlog.ErrPartitions, topic, namespace, has.Partitions, partitions)
	}
	return nil
}
