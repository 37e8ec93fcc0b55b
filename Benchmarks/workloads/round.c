// SPDX-License-Identifier: Apache-2.0
#include "round.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

_Noreturn void round_fail(const char *what)
{
	fprintf(stderr, "workload: ");
	perror(what);
	exit(1);
}

static void stay_on(long processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		round_fail("cannot stay on the processor");
}

static void move_into(const char *cgroup)
{
	char path[PATH_MAX];
	int file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, "0", 1) != 1)
		round_fail(path);
	close(file);
}

int round_options(int count, char **arguments, int wanted, const char *usage)
{
	int option;

	while ((option = getopt(count, arguments, "+c:g:")) != -1) {
		if (option == 'c')
			stay_on(strtol(optarg, NULL, 10));
		else if (option == 'g')
			move_into(optarg);
		else
			exit(2);
	}
	if (count - optind != wanted) {
		fprintf(stderr, "usage: %s [-c CPU] [-g CGROUP]... %s\n", arguments[0], usage);
		exit(2);
	}
	return optind;
}

long round_number(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*end || number < 1) {
		fprintf(stderr, "workload: %s is no number of 1 or more\n", text);
		exit(2);
	}
	return number;
}

static uint64_t wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_used(int whose)
{
	struct rusage usage;

	getrusage(whose, &usage);
	return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000 +
	       ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000;
}

void round_begin(struct round *round)
{
	round->cpu = cpu_used(RUSAGE_SELF) + cpu_used(RUSAGE_CHILDREN);
	round->wall = wall_now();
}

void round_end(struct round *round, long operations, long failed)
{
	uint64_t wall = wall_now() - round->wall;
	uint64_t cpu = cpu_used(RUSAGE_SELF) + cpu_used(RUSAGE_CHILDREN) - round->cpu;

	printf("{\"operations\":%ld,\"wall_ns\":%llu,\"cpu_ns\":%llu,\"failed\":%ld}\n", operations,
	       (unsigned long long)wall, (unsigned long long)cpu, failed);
}
