package store

import (
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// The columns of the tables, in the order in which they are written and read.

func historyColumns() []column[view.Job] { return slices.Concat(submittedColumns(), shownColumns()) }

func activeColumns() []column[view.Job] { return slices.Concat(historyColumns(), innerColumns()) }

// changedColumns are the id, and what an update may change.
func changedColumns() []column[view.Job] {
	return slices.Concat(submittedColumns()[:1], shownColumns(), innerColumns())
}

// statements are those that are made of the lists of columns.
type statements struct {
	load, jobs, runs                                          string
	copyActive, copyHistory, copyRuns, copySpecs, copyChanged string
	makeChanged, update                                       string
}

const (
	// Every statement finds rows by index. What the planner chose for
	// tables that were small stays chosen until their statistics are renewed, and
	// tables here grow by a million rows in that minute.
	sqlByIndex = `-- name: LookoutByIndex :exec
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`

	sqlSettled = `-- name: LookoutSettledJobs :many
SELECT id FROM job_history WHERE id = ANY($1)`

	sqlGone = `-- name: LookoutRemoveActiveJobs :exec
DELETE FROM active_jobs WHERE id = ANY($1)`
)

func newStatements() statements {
	active, history, changed := names("", activeColumns()), names("", historyColumns()), names("", changedColumns())
	moving := changedColumns()[1:]
	set := make([]string, len(moving))
	for i, c := range moving {
		set[i] = c.name + " = new." + c.name
	}
	copyInto := func(table, columns string) string {
		return "COPY " + table + " (" + columns + ") FROM STDIN (FORMAT binary)"
	}
	return statements{
		load: "-- name: LookoutActiveJobs :many\nSELECT " + active + " FROM active_jobs WHERE id = ANY($1)",
		jobs: "-- name: LookoutJobs :many\nSELECT " + history + " FROM active_jobs WHERE id = ANY($1)" +
			" UNION ALL SELECT " + history + " FROM job_history WHERE id = ANY($1)",
		runs: "-- name: LookoutRuns :many\nSELECT " + names("", runColumns()) + " FROM run_history WHERE id = ANY($1)" +
			" UNION ALL SELECT run, id, run_number, executor, node, pool, run_state, leased, pending, started, finished," +
			" exit_code, run_error, category, subcategory FROM active_jobs WHERE run = ANY($1)",
		copyActive:  copyInto("active_jobs", active),
		copyHistory: copyInto("job_history", history),
		copyRuns:    copyInto("run_history", names("", runColumns())),
		copySpecs:   copyInto("specs", names("", specColumns())),
		copyChanged: copyInto("changed_jobs", changed),
		// Made once a session, and emptied at every commit.
		makeChanged: "-- name: LookoutChangedJobs :exec\nCREATE TEMP TABLE IF NOT EXISTS changed_jobs ON COMMIT DELETE ROWS AS SELECT " +
			changed + " FROM active_jobs WITH NO DATA",
		update: "-- name: LookoutUpdateActiveJobs :exec\nUPDATE active_jobs SET " + strings.Join(set, ", ") +
			" FROM changed_jobs new WHERE active_jobs.id = new.id",
	}
}
