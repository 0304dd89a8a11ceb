// Package results writes what a simulation did into a folder.
//
// # Model
//
//	runs.parquet    a row a run            as they end, so memory does not grow with them
//	shares.parquet  a row a queue and round in which something changed
//	summary.json    the figures            once it is over
//	report.html     plots; needs no network and no script
//
// The tables are Parquet, compressed, dictionaries for names; or CSV with the same columns.
// Times are seconds from the beginning of the simulation, to the millisecond; shares are
// parts of the pool, from 0 to 1.
//
// # Guarantees
//
//   - The same simulation gives the same bytes, but for cpu_seconds and peak_rss_bytes in
//     summary.json, which are the process's.
//   - A folder is written by one simulation: one that holds files is refused, or emptied of
//     the files of an earlier simulation where the caller says so, and of nothing else. One
//     that is not finished is removed again ([Folder.Abort]).
package results
