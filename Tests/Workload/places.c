// SPDX-License-Identifier: Apache-2.0
// Opens where a path does not mean to the process what it means to the host: mounts, roots, namespaces.
#include "workload.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int finish(const char *path, int descriptor)
{
	struct stat status;

	must(fstat(descriptor, &status));
	say_file(path, &status);
	settle();
	return 0;
}

static int place_bind_mount(char **arguments)
{
	char *from = join(arguments[0], "from"), *to = join(arguments[0], "to"), *path = join(to, "file");

	enter_own_mounts();
	must(mkdir(from, 0755));
	must(mkdir(to, 0755));
	make_file(join(from, "file"));
	must(mount(from, to, NULL, MS_BIND, NULL));
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY)));
}

static int place_tmpfs(char **arguments)
{
	char *to = join(arguments[0], "to"), *path = join(to, "file");

	enter_own_mounts();
	must(mkdir(to, 0755));
	must(mount("none", to, "tmpfs", 0, NULL));
	make_file(path);
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY)));
}

/* A mount on top of a mount on top of a mount. */
static int place_nested(char **arguments)
{
	char *one = join(arguments[0], "one"), *two = join(one, "two"), *three = join(two, "three");
	char *path = join(three, "file");

	enter_own_mounts();
	must(mkdir(one, 0755));
	must(mount("none", one, "tmpfs", 0, NULL));
	must(mkdir(two, 0755));
	must(mount("none", two, "tmpfs", 0, NULL));
	must(mkdir(three, 0755));
	must(mount(arguments[0], three, NULL, MS_BIND, NULL));
	make_file(path);
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY)));
}

/* place-overlay DIRECTORY lower|upper: a file of the lower layer, or one that was made in the upper one. */
static int place_overlay(char **arguments)
{
	char *base = join(arguments[0], "layers"), *merged = join(arguments[0], "merged"), *path = join(merged, "file");
	char *lower = join(base, "lower"), *options;

	enter_own_mounts();
	must(mkdir(merged, 0755));
	must(mkdir(base, 0755));
	must(mount("none", base, "tmpfs", 0, NULL));
	must(mkdir(lower, 0755));
	must(mkdir(join(base, "upper"), 0755));
	must(mkdir(join(base, "work"), 0755));
	if (arguments[1][0] == 'l')
		make_file(join(lower, "file"));
	must(asprintf(&options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, base, base));
	must(mount("overlay", merged, "overlay", 0, options));
	if (arguments[1][0] == 'u')
		make_file(path);
	return finish(path, must((int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY)));
}

static int place_chroot(char **arguments)
{
	make_file(join(arguments[0], "file"));
	must(chroot(arguments[0]));
	must(chdir("/"));
	return finish("/file", must((int)syscall(SYS_openat, AT_FDCWD, "/../file", O_RDONLY)));
}

/* A directory that was open before: the file is out of the new root's sight. */
static int place_outside(char **arguments)
{
	char *root = join(arguments[0], "root"), *path = join(arguments[0], "file");
	int outside;

	must(mkdir(root, 0755));
	make_file(path);
	outside = must(open(arguments[0], O_PATH | O_DIRECTORY));
	must(chroot(root));
	return finish(path, must((int)syscall(SYS_openat, outside, "file", O_RDONLY)));
}

static int place_pivot_root(char **arguments)
{
	char *root = join(arguments[0], "root");

	enter_own_mounts();
	must(mkdir(root, 0755));
	must(mount("none", root, "tmpfs", 0, NULL));
	make_file(join(root, "file"));
	must(chdir(root));
	must(syscall(SYS_pivot_root, ".", "."));
	must(umount2(".", MNT_DETACH));
	return finish("/file", must((int)syscall(SYS_openat, AT_FDCWD, "/file", O_RDONLY)));
}

const struct activity place_activities[] = {
	{ "place-bind-mount", 1, place_bind_mount }, { "place-tmpfs", 1, place_tmpfs },
	{ "place-nested", 1, place_nested },         { "place-overlay", 2, place_overlay },
	{ "place-chroot", 1, place_chroot },         { "place-outside", 1, place_outside },
	{ "place-pivot-root", 1, place_pivot_root }, { 0 },
};
