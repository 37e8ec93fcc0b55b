// SPDX-License-Identifier: Apache-2.0
// One open, each in another way. The file is made before; "path" says by which name it must be told of.
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int finish(const char *path, int descriptor)
{
	struct stat status;

	must(fstat(descriptor, &status));
	say_file(path, &status);
	settle();
	return 0;
}

/* open-absolute DIRECTORY FLAGS: also of a file that is not there, if the flags make it. */
static int open_absolute(char **arguments)
{
	char *path = join(arguments[0], "file");
	int flags = strtol(arguments[1], NULL, 8);

	if (!(flags & O_CREAT))
		make_file(path);
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, path, flags, 0600)));
}

static int open_relative(char **arguments)
{
	char *path = join(arguments[0], "file");

	make_file(path);
	must(chdir(arguments[0]));
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, "file", O_RDONLY)));
}

static int open_at_directory(char **arguments)
{
	char *directory = join(arguments[0], "below"), *path = join(directory, "file");
	int descriptor;

	must(mkdir(directory, 0755));
	make_file(path);
	descriptor = must(open(directory, O_PATH | O_DIRECTORY));
	return finish(path, must((int)syscall(SYS_openat, descriptor, "file", O_RDONLY)));
}

static int open_symbolic_link(char **arguments)
{
	char *path = join(arguments[0], "file"), *link = join(arguments[0], "link");

	make_file(path);
	must(symlink("file", link));
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY)));
}

static int open_hard_link(char **arguments)
{
	char *path = join(arguments[0], "file"), *other = join(arguments[0], "other-name");

	make_file(path);
	must(link(path, other));
	return finish(other, must((int)syscall(SYS_openat, AT_FDCWD, other, O_RDONLY)));
}

static int open_dot_dot(char **arguments)
{
	char *path = join(arguments[0], "file"), *directory = join(arguments[0], "below");

	must(mkdir(directory, 0755));
	make_file(path);
	must(chdir(directory));
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, ".././below/..//file", O_RDONLY)));
}

static int open_old(char **arguments)
{
	char *path = join(arguments[0], "file");

	make_file(path);
#ifdef SYS_open
	return finish(path, must((int)syscall(SYS_open, path, O_RDONLY)));
#else
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY)));
#endif
}

static int open_creat(char **arguments)
{
	char *path = join(arguments[0], "file");

#ifdef SYS_creat
	return finish(path, must((int)syscall(SYS_creat, path, 0644)));
#else
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_TRUNC | O_WRONLY, 0644)));
#endif
}

static int open_openat2(char **arguments)
{
	char *path = join(arguments[0], "file");
	struct open_how how = { .flags = O_RDWR | O_TRUNC, .resolve = RESOLVE_NO_SYMLINKS };

	make_file(path);
	return finish(path, must((int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how))));
}

static int open_directory(char **arguments)
{
	return finish(arguments[0], must((int)syscall(SYS_openat, AT_FDCWD, arguments[0], O_RDONLY | O_DIRECTORY)));
}

/* A file without a name: told of as the directory it was made in, with the number as its name. */
static int open_temporary(char **arguments)
{
	return finish(arguments[0], must((int)syscall(SYS_openat, AT_FDCWD, arguments[0], O_TMPFILE | O_RDWR, 0600)));
}

static int open_handle(char **arguments)
{
	char *path = join(arguments[0], "file");
	struct file_handle *handle = calloc(1, sizeof(*handle) + MAX_HANDLE_SZ);
	int mount, at;

	make_file(path);
	handle->handle_bytes = MAX_HANDLE_SZ;
	must(name_to_handle_at(AT_FDCWD, path, handle, &mount, 0));
	at = must(open(arguments[0], O_RDONLY | O_DIRECTORY));
	return finish(path, must((int)syscall(SYS_open_by_handle_at, at, handle, O_RDONLY)));
}

/* The name is gone while the file is open, and /proc opens it once more. */
static int open_deleted(char **arguments)
{
	char *path = join(arguments[0], "file"), *link = join("/proc/self/fd", "20");
	int descriptor;

	descriptor = must(open(path, O_RDWR | O_CREAT, 0644));
	must(unlink(path));
	must(dup2(descriptor, 20));
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY)));
}

static int open_renamed_directory(char **arguments)
{
	char *before = join(arguments[0], "before"), *after = join(arguments[0], "after");
	int descriptor;

	must(mkdir(before, 0755));
	make_file(join(before, "file"));
	descriptor = must(open(before, O_PATH | O_DIRECTORY));
	must(rename(before, after));
	return finish(join(after, "file"), must((int)syscall(SYS_openat, descriptor, "file", O_RDONLY)));
}

/* open-deep DIRECTORY LENGTH COUNT: a file below COUNT directories with names of LENGTH bytes. */
static int open_deep(char **arguments)
{
	int length = atoi(arguments[1]), count = atoi(arguments[2]);
	char *path = calloc(1, strlen(arguments[0]) + (size_t)(length + 1) * count + 8), *end;
	char name[256] = { 0 };

	memset(name, 'n', length);
	end = stpcpy(path, arguments[0]);
	must(chdir(arguments[0]));
	for (int i = 0; i < count; i++) {
		must(mkdir(name, 0755));
		must(chdir(name));
		*end++ = '/';
		end = stpcpy(end, name);
	}
	strcpy(end, "/file");
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, "file", O_RDWR | O_CREAT, 0644)));
}

/* open-bytes DIRECTORY: a name that is no text. */
static int open_bytes(char **arguments)
{
	char *path = join(arguments[0], "na\xff\xfeme \t\"\\x");

	return finish("unspeakable", must((int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT, 0644)));
}

static int failed(const char *path, const char *argument, int flags)
{
	say("path %s", path);
	if (syscall(SYS_openat, AT_FDCWD, argument, flags) >= 0)
		give_up("an open that had to fail");
	say("error %d", errno);
	settle();
	return 0;
}

static int open_missing(char **arguments)
{
	char *path = join(arguments[0], "missing");

	return failed(path, path, O_RDONLY);
}

static int open_missing_relative(char **arguments)
{
	must(chdir(arguments[0]));
	return failed(join(arguments[0], "missing"), "below/../missing", O_RDWR);
}

/* As somebody who may not. */
static int open_forbidden(char **arguments)
{
	char *path = join(arguments[0], "secret");

	make_file(path);
	must(chmod(path, 0600));
	must(syscall(SYS_setresuid, 65534, 65534, 65534));
	return failed(path, path, O_RDONLY);
}

/* open-many DIRECTORY COUNT: as many files that are not there, each asked for once. */
static int open_many(char **arguments)
{
	char name[32];

	must(chdir(arguments[0]));
	for (int i = 0; i < atoi(arguments[1]); i++) {
		char *end = stpcpy(name, "many-");

		for (int digit = 100000; digit; digit /= 10)
			*end++ = '0' + i / digit % 10;
		*end = 0;
		syscall(SYS_openat, AT_FDCWD, name, O_RDONLY);
	}
	settle();
	return 0;
}

/* open-made DIRECTORY COUNT: as many files, each made by one call. */
static int open_made(char **arguments)
{
	char name[32];

	must(chdir(arguments[0]));
	for (int i = 0; i < atoi(arguments[1]); i++) {
		char *end = stpcpy(name, "made-");

		for (int digit = 100000; digit; digit /= 10)
			*end++ = '0' + i / digit % 10;
		*end = 0;
		close(must((int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT, 0644)));
	}
	settle();
	return 0;
}

/* open-repeated DIRECTORY COUNT: one file, again and again. */
static int open_repeated(char **arguments)
{
	char *path = join(arguments[0], "file");

	make_file(path);
	say_stat(path);
	for (int i = 0; i < atoi(arguments[1]); i++)
		close(must((int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY)));
	settle();
	return 0;
}

/* open-paced DIRECTORY FILES RATE: makes and opens the files in turn, RATE times a second, until SIGTERM. */
static int open_paced(char **arguments)
{
	int files = atoi(arguments[1]), rate = atoi(arguments[2]);
	struct timespec pause = { .tv_nsec = 1000000 }, begun, now;
	long count = 0, due;
	char name[32];
	sigset_t end;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	must(sigprocmask(SIG_BLOCK, &end, NULL));
	must(mkdir(arguments[0], 0700));
	must(chdir(arguments[0]));
	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (sigtimedwait(&end, NULL, &pause) != SIGTERM) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		due = ((now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000) * rate / 1000;
		for (; count < due; count++) {
			snprintf(name, sizeof(name), "paced-%ld", count % files);
			close(must((int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CREAT, 0600)));
		}
	}
	say("opened %ld", count);
	return 0;
}

const struct activity file_activities[] = {
	{ "open-absolute", 2, open_absolute },
	{ "open-relative", 1, open_relative },
	{ "open-at-directory", 1, open_at_directory },
	{ "open-symbolic-link", 1, open_symbolic_link },
	{ "open-hard-link", 1, open_hard_link },
	{ "open-dot-dot", 1, open_dot_dot },
	{ "open-old", 1, open_old },
	{ "open-creat", 1, open_creat },
	{ "open-openat2", 1, open_openat2 },
	{ "open-directory", 1, open_directory },
	{ "open-temporary", 1, open_temporary },
	{ "open-handle", 1, open_handle },
	{ "open-deleted", 1, open_deleted },
	{ "open-renamed-directory", 1, open_renamed_directory },
	{ "open-deep", 3, open_deep },
	{ "open-bytes", 1, open_bytes },
	{ "open-missing", 1, open_missing },
	{ "open-missing-relative", 1, open_missing_relative },
	{ "open-forbidden", 1, open_forbidden },
	{ "open-many", 2, open_many },
	{ "open-made", 2, open_made },
	{ "open-repeated", 2, open_repeated },
	{ "open-paced", 3, open_paced },
	{ 0 },
};
