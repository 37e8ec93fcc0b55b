// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps the processor busy without a system call, for so many microseconds: what the rest of the machine gets to do while a
 * generator runs, it gets to do while this one does.
 */
#include "round.h"

#include <time.h>

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int count, char **arguments)
{
	int first = round_options(count, arguments, 1, "MICROSECONDS");
	long wanted = round_number(arguments[first]);
	struct round round;
	long long end;

	round_begin(&round);
	end = now() + wanted * 1000;
	while (now() < end)
		;
	round_end(&round, 1, 0);
}
