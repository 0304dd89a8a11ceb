package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/podspec"
)

// What a queue is part of, and what it may count on, stands in its labels, for Armada's
// message has no field for it. A key of amounts may have @POOL behind it.
const (
	ownLabels      = "fairlead/"
	parentLabel    = ownLabels + "parent"
	guaranteeLabel = ownLabels + "guarantee"
	borrowLabel    = ownLabels + "borrow"
	lendLabel      = ownLabels + "lend"
)

const (
	// queueDepthMax is how deep queues may stand in each other: what the round takes.
	queueDepthMax = 8
	// quotaMax is the largest amount of a quota.
	quotaMax = 1 << 54
)

// checkQueue reads the labels that are Fairlead's, and refuses a queue with everything that
// is wrong with it.
func (s *Server) checkQueue(ctx context.Context, q *admit.Queue) error {
	var all []fault.Violation
	if err := s.Rules.CheckQueue(*q); err != nil {
		refused, ok := fault.As(err)
		if !ok {
			return err
		}
		all = refused.Violations()
	}
	all = append(all, readLabels(q)...)
	if q.Parent != "" {
		rule, err := s.parentRule(ctx, q)
		if err != nil {
			return err
		}
		if rule != "" {
			all = append(all, ownViolation(parentLabel, q.Parent, rule))
		}
	}
	if len(all) > 0 {
		return fault.NewInvalid(all[0], all[1:]...)
	}
	return nil
}

func ownViolation(key, value, rule string) fault.Violation {
	return fault.Violation{Field: fmt.Sprintf("labels[%q]", key), Value: value, Rule: "error validating queue: " + rule}
}

// readLabels sets what the labels say in a queue.
func readLabels(q *admit.Queue) (wrong []fault.Violation) {
	quotas := map[string]admit.Quota{}
	for _, key := range slices.Sorted(maps.Keys(q.Labels)) {
		if !strings.HasPrefix(key, ownLabels) {
			continue
		}
		value := q.Labels[key]
		name, pool, of := strings.Cut(key, "@")
		quota := quotas[pool]
		var rule string
		switch {
		case of && pool == "":
			rule = "a pool must be named behind the @"
		case key == parentLabel:
			q.Parent = value
			continue
		case name == guaranteeLabel:
			quota.Guarantee, rule = readAmounts(value)
		case name == borrowLabel:
			quota.Borrow, rule = readAmounts(value)
		case name == lendLabel:
			quota.Lend, rule = readAmounts(value)
		default:
			rule = fmt.Sprintf("labels with the prefix %s are %s, %s, %s and %s", ownLabels, parentLabel, guaranteeLabel, borrowLabel, lendLabel)
		}
		if rule != "" {
			wrong = append(wrong, ownViolation(key, value, rule))
			continue
		}
		quotas[pool] = quota
	}
	q.Quotas = nil
	for _, pool := range slices.Sorted(maps.Keys(quotas)) {
		quota := quotas[pool]
		quota.Pool = pool
		q.Quotas = append(q.Quotas, quota)
	}
	return wrong
}

// readAmounts reads cpu=20,memory=1Ti; it returns the rule that the text breaks, if any.
func readAmounts(text string) (map[string]int64, string) {
	out := map[string]int64{}
	for part := range strings.SplitSeq(text, ",") {
		name, quantity, both := strings.Cut(strings.TrimSpace(part), "=")
		if !both || name == "" {
			return nil, "amounts are resource=quantity, separated by commas: cpu=20,memory=1Ti"
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Sprintf("resource %q must be there once", name)
		}
		amount, err := podspec.ParseAmount(name, quantity)
		if err != nil {
			return nil, fmt.Sprintf("the amount of %q must be a quantity: 20, 500m, 1Ti", name)
		}
		if amount < 0 || amount > quotaMax {
			return nil, fmt.Sprintf("the amount of %q must be from 0 to %d", name, int64(quotaMax))
		}
		out[name] = amount
	}
	return out, ""
}

// parentRule is the rule that the parent of a queue breaks; empty: none.
func (s *Server) parentRule(ctx context.Context, q *admit.Queue) (string, error) {
	above := 0
	for up := q.Parent; up != ""; above++ {
		if up == q.Name {
			return "a queue must not be part of itself", nil
		}
		if above >= queueDepthMax {
			break
		}
		parent, err := s.Queues.Queue(ctx, up)
		if fault.KindOf(err) == fault.NotFound {
			if above == 0 {
				return "there must be a queue of that name", nil
			}
			break
		}
		if err != nil {
			return "", err
		}
		up = parent.Parent
	}
	below, err := s.depthBelow(ctx, q.Name)
	if err != nil {
		return "", err
	}
	if above+1+below > queueDepthMax {
		return fmt.Sprintf("queues stand at most %d deep in each other, with it they would %d", queueDepthMax, above+1+below), nil
	}
	return "", nil
}

// parents are the queues that are part of another, by name, with that other.
func (s *Server) parents(ctx context.Context) (map[string]string, error) {
	out, behind := map[string]string{}, ""
	for {
		page, err := s.Queues.Queues(ctx, behind, 0)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return out, nil
		}
		for _, q := range page {
			if q.Parent != "" {
				out[q.Name] = q.Parent
			}
			behind = q.Name
		}
	}
}

// depthBelow is how deep parts stand below a queue.
func (s *Server) depthBelow(ctx context.Context, name string) (deepest int, err error) {
	parents, err := s.parents(ctx)
	if err != nil {
		return 0, err
	}
	for q := range parents { //archcheck:unordered the largest is sought
		depth := 0
		for up := q; up != "" && depth <= queueDepthMax; up = parents[up] {
			if up == name {
				deepest = max(deepest, depth)
				break
			}
			depth++
		}
	}
	return deepest, nil
}

// partOf is a queue that is part of another, the first by name; empty: none is.
func (s *Server) partOf(ctx context.Context, name string) (string, error) {
	parents, err := s.parents(ctx)
	if err != nil {
		return "", err
	}
	for _, q := range slices.Sorted(maps.Keys(parents)) {
		if parents[q] == name {
			return q, nil
		}
	}
	return "", nil
}
