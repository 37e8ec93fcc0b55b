// SPDX-License-Identifier: Apache-2.0
#include "files.h"
#include "round.h"

#include <stdio.h>
#include <stdlib.h>

char **file_paths(const char *directory, long count)
{
	char **paths = calloc((size_t)count, sizeof(*paths));

	if (!paths)
		round_fail("no memory");
	for (long index = 0; index < count; index++)
		if (asprintf(&paths[index], "%s/%04ld/file-%07ld", directory, index / 100, index) < 0)
			round_fail("no memory");
	return paths;
}
