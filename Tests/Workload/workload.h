/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sensor-workload does one activity for real and says what it did, so that a test can compare what a sensor saw.
 *
 * What it says are lines on stdout, a word and a value. After the activity it says "done" and waits for the end of
 * stdin: until then the process is there to be looked at. System calls are made by number where it matters which one.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* `arguments` ends with NULL; the activity's name is not among them. What is returned is the exit status. */
typedef int (*activity_function)(char **arguments);

struct activity {
	const char *name;
	int parameters; /* fewest arguments */
	activity_function run;
};

/* One table for each subject, ended by a NULL name. */
extern const struct activity file_activities[];
extern const struct activity name_activities[];
extern const struct activity place_activities[];
extern const struct activity descriptor_activities[];
extern const struct activity process_activities[];
extern const struct activity identity_activities[];
extern const struct activity syscall_activities[];
extern const struct activity network_activities[];
extern const struct activity datagram_activities[];
extern const struct activity uring_activities[];
extern const struct activity container_activities[];
extern const struct activity call_activities[];

/* A line for the test. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* Ends the workload because a step did not do what it must: no test can mean anything then. */
_Noreturn void give_up(const char *step);

/* The value of a call that must not fail. */
#define must(call)                                \
	({                                        \
		__auto_type value_of_call = call; \
		if (value_of_call < 0)            \
			give_up(#call);           \
		value_of_call;                    \
	})

/* Path of this program. */
extern char self[];

/* Says "done" and waits until the test has seen enough. */
void settle(void);

/* Waits for a child and says how it ended: "ended PID code N" or "ended PID signal N core 0|1". Returns the status. */
int reap(pid_t child);

/* Makes a file with some bytes in it. */
void make_file(const char *path);

/* Makes a symbolic link by one symlinkat(2), and gives it a late access time: who follows it need not write one. */
void make_link(const char *target, const char *path);

/* Says path, inode and device of a file as stat(2) has them. */
void say_file(const char *path, const struct stat *status);

/* Looks a path up, and says the same of what is there. */
void say_stat(const char *path);

/* `directory`/`name`, in memory that stays. */
char *join(const char *directory, const char *name);

/* A network namespace of its own, with its loopback interface up. */
void enter_own_network(void);

/* A mount namespace of its own, from which nothing gets out. */
void enter_own_mounts(void);

#endif
