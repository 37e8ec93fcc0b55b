// SPDX-License-Identifier: Apache-2.0
/*
 * Opens and closes files, one after the other, over and over: FILES 1 is the repeated open of one file, OPENS = FILES sees
 * each file for the first time, FILES 50000 at once is the burst. The files are there already and the kernel's caches know
 * them, so that the rounds differ in nothing but the sensor.
 */
#include "files.h"
#include "round.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	int first = round_options(count, arguments, 3, "DIRECTORY FILES OPENS");
	long files = round_number(arguments[first + 1]), opens = round_number(arguments[first + 2]), failed = 0;
	char **paths = file_paths(arguments[first], files);
	struct round round;

	for (long index = 0; index < files; index++) {
		struct stat status;

		if (stat(paths[index], &status))
			round_fail(paths[index]);
	}
	round_begin(&round);
	for (long done = 0, next = 0; done < opens; done++) {
		int file = open(paths[next], O_RDONLY | O_CLOEXEC);

		if (file < 0)
			failed++;
		else
			close(file);
		if (++next == files)
			next = 0;
	}
	round_end(&round, opens, failed);
	return failed != 0;
}
