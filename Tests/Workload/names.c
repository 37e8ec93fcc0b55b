// SPDX-License-Identifier: Apache-2.0
// Calls that make, change and take away names, and change what is said about a file.
#include "workload.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Each step is one call with one file of its own, in the order that the test knows. */
static int names_changed(char **arguments)
{
	char *directory = arguments[0];
	int at;

	must(chdir(directory));
	must(syscall(SYS_mkdirat, AT_FDCWD, join(directory, "made"), 0755));
	must(syscall(SYS_mknodat, AT_FDCWD, "fifo", S_IFIFO | 0600, 0));
	close(must((int)syscall(SYS_openat, AT_FDCWD, "one", O_WRONLY | O_CREAT | O_EXCL, 0644)));
	must(syscall(SYS_linkat, AT_FDCWD, "one", AT_FDCWD, "made/two", 0));
	make_link("made", "alias");
	/* By way of a symbolic link, and relative to a descriptor. */
	must(syscall(SYS_renameat2, AT_FDCWD, "alias/two", AT_FDCWD, join(directory, "three"), 0));
	at = must(open("made", O_PATH | O_DIRECTORY));
	must(syscall(SYS_renameat2, AT_FDCWD, "three", at, "four", 0));
	must(syscall(SYS_unlinkat, at, "four", 0));
	must(syscall(SYS_unlinkat, AT_FDCWD, "fifo", 0));
	settle();
	return 0;
}

/* What led to the file goes right after it. */
static int names_gone(char **arguments)
{
	must(chdir(arguments[0]));
	must(mkdir("made", 0755));
	make_link("made", "alias");
	make_file("made/file");
	must(syscall(SYS_unlinkat, AT_FDCWD, "alias/file", 0));
	must(syscall(SYS_unlinkat, AT_FDCWD, "alias", 0));
	must(syscall(SYS_unlinkat, AT_FDCWD, "made", AT_REMOVEDIR));
	settle();
	return 0;
}

static int names_attributes(char **arguments)
{
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 2 } };
	int descriptor;

	must(chdir(arguments[0]));
	make_file("file");
	say_stat(join(arguments[0], "file"));
	must(syscall(SYS_fchmodat, AT_FDCWD, "file", 0600));
	must(syscall(SYS_fchownat, AT_FDCWD, "file", 1, 1, 0));
	must(syscall(SYS_utimensat, AT_FDCWD, "file", times, 0));
	must(syscall(SYS_truncate, "file", 1));
	must(syscall(SYS_setxattr, join(arguments[0], "file"), "user.x", "1", 1, 0));
	descriptor = must(open("file", O_RDWR));
	must(syscall(SYS_fchmod, descriptor, 0644));
	must(syscall(SYS_fchownat, descriptor, "", 0, 0, AT_EMPTY_PATH));
	must(syscall(SYS_utimensat, descriptor, NULL, times, 0));
	must(syscall(SYS_ftruncate, descriptor, 2));
	must(syscall(SYS_fsetxattr, descriptor, "user.y", "1", 1, 0));
	settle();
	return 0;
}

/* By way of a link: what it leads to is changed, but where the call is for the link itself. */
static int names_followed(char **arguments)
{
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 2 } };
	char path[64];

	must(chdir(arguments[0]));
	make_file("target");
	make_file("one");
	make_file("other");
	make_link("target", "alias");
	must(syscall(SYS_fchmodat, AT_FDCWD, "alias", 0600));
	must(syscall(SYS_fchownat, AT_FDCWD, "alias", 1, 1, 0));
	must(syscall(SYS_fchownat, AT_FDCWD, "alias", 1, 1, AT_SYMLINK_NOFOLLOW));
	must(syscall(SYS_utimensat, AT_FDCWD, "alias", times, 0));
	must(syscall(SYS_truncate, "alias", 1));
	must(syscall(SYS_setxattr, join(arguments[0], "alias"), "user.x", "1", 1, 0));
	must(syscall(SYS_linkat, AT_FDCWD, "alias", AT_FDCWD, "hard", AT_SYMLINK_FOLLOW));
	must(syscall(SYS_linkat, AT_FDCWD, "alias", AT_FDCWD, "soft", 0));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", must(open("target", O_RDONLY)));
	must(syscall(SYS_fchmodat, AT_FDCWD, path, 0644));
	must(syscall(SYS_renameat2, AT_FDCWD, "one", AT_FDCWD, "other", RENAME_EXCHANGE));
	make_link("target", "fleeting");
	must(syscall(SYS_fchmodat, AT_FDCWD, "fleeting", 0600));
	must(syscall(SYS_unlinkat, AT_FDCWD, "fleeting", 0));
	settle();
	return 0;
}

/* names-repeated DIRECTORY COUNT: a file and a link to it are changed so many times, and when the test lets it go on, what the link leads to then. */
static int names_repeated(char **arguments)
{
	int count = atoi(arguments[1]);
	char byte;

	must(chdir(arguments[0]));
	make_file("file");
	make_file("other");
	make_link("file", "alias");
	for (int i = 0; i < count; i++)
		must(syscall(SYS_fchmodat, AT_FDCWD, "file", 0600));
	for (int i = 0; i < count; i++)
		must(syscall(SYS_fchmodat, AT_FDCWD, "alias", 0600));
	say("done");
	must(read(STDIN_FILENO, &byte, 1));
	must(unlink("alias"));
	make_link("other", "alias");
	for (int i = 0; i < count; i++)
		must(syscall(SYS_fchmodat, AT_FDCWD, "alias", 0600));
	settle();
	return 0;
}

static void *wait_forever(void *nothing)
{
	pause();
	return nothing;
}

/*
 * names-shared DIRECTORY memory|descriptors|root: while another thread could write to the names, or a process that shares but the descriptors or
 * the working directory could change these.
 */
static int names_shared(char **arguments)
{
	struct clone_args clone = { .flags = arguments[1][0] == 'd' ? CLONE_FILES : CLONE_FS, .exit_signal = SIGCHLD };
	pid_t child = 0;
	pthread_t thread;

	must(chdir(arguments[0]));
	make_file("file");
	if (arguments[1][0] != 'm') {
		child = must(syscall(SYS_clone3, &clone, sizeof(clone)));
		if (!child)
			for (;;)
				pause();
	} else if (pthread_create(&thread, NULL, wait_forever, NULL)) {
		give_up("pthread_create");
	}
	must(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "moved", 0));
	must(syscall(SYS_unlinkat, AT_FDCWD, "moved", 0));
	if (child) {
		must(kill(child, SIGKILL));
		reap(child);
	}
	settle();
	return 0;
}

/* Strings that nobody can read. */
static int names_unreadable(char **arguments)
{
	(void)arguments;
	say("result %ld", syscall(SYS_openat, AT_FDCWD, (char *)1, O_RDONLY));
	say("result %ld", syscall(SYS_unlinkat, AT_FDCWD, (char *)1, 0));
	settle();
	return 0;
}

/* The calls that only older machines have. */
static int names_old(char **arguments)
{
	must(chdir(arguments[0]));
#ifdef SYS_unlink
	must(syscall(SYS_mkdir, "made", 0755));
	must(syscall(SYS_mknod, "node", S_IFREG | 0600, 0));
	must(syscall(SYS_link, "node", "made/hard"));
	must(syscall(SYS_symlink, "node", "soft"));
	must(syscall(SYS_rename, "made/hard", "moved"));
	must(syscall(SYS_chmod, "moved", 0600));
	must(syscall(SYS_unlink, "moved"));
	must(syscall(SYS_unlink, "soft"));
	must(syscall(SYS_rmdir, "made"));
	say("supported");
#endif
	settle();
	return 0;
}

/* Nothing of this works, and all of it was tried. */
static int names_failing(char **arguments)
{
	must(chdir(arguments[0]));
	syscall(SYS_unlinkat, AT_FDCWD, "none", 0);
	syscall(SYS_renameat2, AT_FDCWD, "none", AT_FDCWD, "other", 0);
	syscall(SYS_mkdirat, AT_FDCWD, "none/below", 0755);
	syscall(SYS_linkat, AT_FDCWD, "none", AT_FDCWD, "other", 0);
	syscall(SYS_fchmodat, AT_FDCWD, "none", 0600);
	settle();
	return 0;
}

/* The same name again and again: each file is another, though the numbers come back. */
static int names_recycled(char **arguments)
{
	struct stat status;

	must(chdir(arguments[0]));
	for (int i = 0; i < atoi(arguments[1]); i++) {
		int descriptor = must((int)syscall(SYS_openat, AT_FDCWD, "again", O_RDWR | O_CREAT | O_EXCL, 0600));

		must(fstat(descriptor, &status));
		close(descriptor);
		must(syscall(SYS_unlinkat, AT_FDCWD, "again", 0));
	}
	say("inode %llu", (unsigned long long)status.st_ino);
	settle();
	return 0;
}

const struct activity name_activities[] = {
	{ "names-changed", 1, names_changed },
	{ "names-gone", 1, names_gone },
	{ "names-attributes", 1, names_attributes },
	{ "names-followed", 1, names_followed },
	{ "names-repeated", 2, names_repeated },
	{ "names-shared", 2, names_shared },
	{ "names-unreadable", 0, names_unreadable },
	{ "names-old", 1, names_old },
	{ "names-failing", 1, names_failing },
	{ "names-recycled", 2, names_recycled },
	{ 0 },
};
