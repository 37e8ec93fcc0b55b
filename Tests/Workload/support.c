// SPDX-License-Identifier: Apache-2.0
// What several subjects need.
#include "workload.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

void make_file(const char *path)
{
	int descriptor = must(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));

	must(write(descriptor, "content\n", 8));
	close(descriptor);
}

void make_link(const char *target, const char *path)
{
	struct timespec times[2] = { { .tv_sec = time(NULL) + 3600 }, { .tv_sec = 1 } };

	must(syscall(SYS_symlinkat, target, AT_FDCWD, path));
	must(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
}

void say_file(const char *path, const struct stat *status)
{
	say("path %s", path);
	say("inode %llu", (unsigned long long)status->st_ino);
	say("device %u:%u", major(status->st_dev), minor(status->st_dev));
}

void say_stat(const char *path)
{
	struct stat status;

	must(lstat(path, &status));
	say_file(path, &status);
}

char *join(const char *directory, const char *name)
{
	char *path;

	must(asprintf(&path, "%s/%s", directory, name));
	return path;
}

void enter_own_network(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int descriptor;

	must(unshare(CLONE_NEWNET));
	descriptor = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	must(ioctl(descriptor, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP;
	must(ioctl(descriptor, SIOCSIFFLAGS, &request));
	close(descriptor);
}

void enter_own_mounts(void)
{
	must(unshare(CLONE_NEWNS));
	must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
}
