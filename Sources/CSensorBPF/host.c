// SPDX-License-Identifier: Apache-2.0

#include "sensor_host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/types.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
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
#define RESOLVE_NO_XDEV_ 0x01
#define RESOLVE_NO_MAGICLINKS_ 0x02
#define RESOLVE_NO_SYMLINKS_ 0x04
#define RESOLVE_BENEATH_ 0x08
#define RESOLVE_IN_ROOT_ 0x10
#define RESOLVE_CACHED_ 0x20

static int open_at(int directory, const char *path, const struct open_how_0 *how)
{
	int result;

	do {
		result = (int)syscall(SYS_openat2, directory, path, how, sizeof(*how));
	} while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}

int sensor_open_beneath(int root, const char *path, int cached)
{
	struct open_how_0 how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT_ | RESOLVE_NO_MAGICLINKS_ | (cached ? RESOLVE_CACHED_ : 0),
	};

	return open_at(root, path, &how);
}

int sensor_open_name(int directory, const char *name, int cached)
{
	struct open_how_0 how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS_ | (cached ? RESOLVE_CACHED_ : 0),
	};

	return open_at(directory, name, &how);
}

int sensor_open_target(int directory, const char *name)
{
	struct open_how_0 how = { .flags = O_PATH | O_CLOEXEC };

	return open_at(directory, name, &how);
}

int sensor_open_directory(const char *path)
{
	int result;

	do {
		result = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	} while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}

int sensor_open_file_beneath(int directory, const char *path, int one_mount)
{
	struct open_how_0 how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH_ | RESOLVE_NO_SYMLINKS_ | RESOLVE_NO_MAGICLINKS_ |
			   (one_mount ? RESOLVE_NO_XDEV_ : 0),
	};

	return open_at(directory, path, &how);
}

int sensor_is_proc(int descriptor)
{
	struct statfs status;

	return !fstatfs(descriptor, &status) && status.f_type == PROC_SUPER_MAGIC;
}

/* ZFS and bcachefs are in no header of the kernel's interface. */
#define ZFS_SUPER_MAGIC_ 0x2fc12fc1
#define BCACHEFS_SUPER_MAGIC_ 0xca451a4e

int sensor_is_local(int descriptor)
{
	struct statfs status;

	if (fstatfs(descriptor, &status))
		return 0;
	switch ((unsigned int)status.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case ZFS_SUPER_MAGIC_:
	case BCACHEFS_SUPER_MAGIC_:
		return 1;
	default:
		return 0;
	}
}

int sensor_is_bpffs(int descriptor)
{
	struct statfs status;

	return !fstatfs(descriptor, &status) && (unsigned int)status.f_type == BPF_FS_MAGIC;
}
