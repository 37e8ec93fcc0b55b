// SPDX-License-Identifier: Apache-2.0
/* Makes the files that `opens` opens. */
#include "files.h"
#include "round.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	int first = round_options(count, arguments, 2, "DIRECTORY FILES");
	long files = round_number(arguments[first + 1]);
	char **paths = file_paths(arguments[first], files);
	struct round round;

	round_begin(&round);
	for (long index = 0; index < files; index++) {
		char *name = strrchr(paths[index], '/');
		int file;

		*name = 0;
		if (mkdir(paths[index], 0755) && errno != EEXIST)
			round_fail(paths[index]);
		*name = '/';
		file = open(paths[index], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (file < 0)
			round_fail(paths[index]);
		close(file);
	}
	round_end(&round, files, 0);
}
