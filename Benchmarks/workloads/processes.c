// SPDX-License-Identifier: Apache-2.0
/* Forks, executes a small static program and waits for its end, over and over. */
#include "round.h"

#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	int first = round_options(count, arguments, 2, "PROGRAM PROCESSES");
	char *program[] = { arguments[first], NULL }, *environment[] = { NULL };
	long processes = round_number(arguments[first + 1]), failed = 0;
	struct round round;

	round_begin(&round);
	for (long done = 0; done < processes; done++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			execve(program[0], program, environment);
			_exit(127);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
			failed++;
	}
	round_end(&round, processes, failed);
	return failed != 0;
}
