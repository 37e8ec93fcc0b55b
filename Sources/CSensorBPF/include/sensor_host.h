// SPDX-License-Identifier: Apache-2.0
/* System calls that Swift cannot say: variadic ones, and those that the C library has no name for. */
#ifndef SENSOR_HOST_H
#define SENSOR_HOST_H

/*
 * Opens `path` (O_PATH) below `root`, which no component, link or `..` of it can leave. Follows no magic links. With
 * `cached`, only through what the kernel has in its caches, so that it cannot wait for a disk or a network.
 * Returns the descriptor or the negative errno.
 */
int sensor_open_beneath(int root, const char *path, int cached);

/*
 * Opens one name in a directory (O_PATH): a link as such, `..` as the directory above. `cached` as above.
 * Returns the descriptor or the negative errno.
 */
int sensor_open_name(int directory, const char *name, int cached);

/* Opens what a link leads to, one of procfs included (O_PATH). Returns the descriptor or the negative errno. */
int sensor_open_target(int directory, const char *name);

/* Opens a directory as a starting point for others (O_PATH). Returns the descriptor or the negative errno. */
int sensor_open_directory(const char *path);

/*
 * Opens a file for reading whose path, below `directory`, has no links in it and does not lead out; with `one_mount`
 * it stays on the directory's mount as well. A file that is a pipe or a device is not waited for.
 * Returns the descriptor or the negative errno.
 */
int sensor_open_file_beneath(int directory, const char *path, int one_mount);

/* Whether a file is one of procfs. */
int sensor_is_proc(int descriptor);

/* Whether a file lies in memory or on a disk of this machine, so that no server can keep a look at it waiting. */
int sensor_is_local(int descriptor);

/* Whether a directory is one of a BPF file system. */
int sensor_is_bpffs(int descriptor);

#endif
