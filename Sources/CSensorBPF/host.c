// SPDX-License-Identifier: Apache-2.0

#include "sensor_host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* From linux/openat2.h, which older distributions lack. */
struct open_how_0 {
	__u64 flags;
	__u64 mode;
	__u64 resolve;
};
#define RESOLVE_NO_MAGICLINKS_ 0x02
#define RESOLVE_IN_ROOT_ 0x10
#define RESOLVE_CACHED_ 0x20

int sensor_open_beneath(int root, const char *path, int follow_last, int cached)
{
	struct open_how_0 how = {
		.flags = O_PATH | O_CLOEXEC | (follow_last ? 0 : O_NOFOLLOW),
		.resolve = RESOLVE_IN_ROOT_ | RESOLVE_NO_MAGICLINKS_ | (cached ? RESOLVE_CACHED_ : 0),
	};
	int result;

	do {
		result = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	} while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}

int sensor_open_directory(const char *path)
{
	int result;

	do {
		result = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	} while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}
