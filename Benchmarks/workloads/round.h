/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every workload generator shares: its options, and one timed round that prints one line of JSON:
 *
 *   {"operations":N,"wall_ns":N,"cpu_ns":N,"failed":N}
 *
 * wall_ns is CLOCK_MONOTONIC over the whole round; cpu_ns is user and system time over the same round, of the process
 * and of the children it has waited for.
 */
#ifndef ROUND_H
#define ROUND_H

#include <stdint.h>

struct round {
	uint64_t wall;
	uint64_t cpu;
};

/*
 * Reads the leading options and obeys them:
 *   -c CPU  stay on this processor
 *   -g DIR  move into this cgroup (repeatable: one for each hierarchy)
 * Returns the index of the first argument behind them. Ends the process if an option cannot be obeyed or if there are not
 * `wanted` arguments behind them; `usage` names these.
 */
int round_options(int count, char **arguments, int wanted, const char *usage);

/* A number from the command line, 1 or more; ends the process if it is none. */
long round_number(const char *text);

void round_begin(struct round *round);
void round_end(struct round *round, long operations, long failed);

/* Prints "workload: what: errno" and ends the process with status 1. */
_Noreturn void round_fail(const char *what);

#endif
