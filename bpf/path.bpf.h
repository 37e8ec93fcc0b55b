/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The true path of a dentry, mount by mount, as a process's root shows it. */
#ifndef SENSOR_PATH_BPF_H
#define SENSOR_PATH_BPF_H

#include "record.bpf.h"

/* Steps of one walk, names and mount points. PATH_MAX would allow 2047 one-letter names; what is beyond is counted, not guessed. */
#ifdef SENSOR_DIRECT
#define PATH_STEPS 4096
#define PATH_STEPS_INLINE 12 /* without a call for each: enough for most paths */
#define NAME_WORDS 4         /* read by plain loads */
#else
#define PATH_STEPS_INLINE 256
#endif
#define NAME_MAX 255
#define MNT_INTERNAL 0x4000

static __always_inline struct mount *mount_of(struct vfsmount *mount)
{
	return cast(mount, (__u64)mount - bpf_core_field_offset(struct mount, mnt));
}

/*
 * Copies a name of a dentry to bytes[at]. False: it could not be read. Most names are a few words, and plain loads cost less than a
 * helper. What holds a name is allocated in whole words, so that the last load stays in it. bpf_rdonly_cast() wants a type that the
 * kernel has: one that begins with a 64-bit integer.
 */
static __always_inline bool copy_name(struct scratch *scratch, __u32 at, const unsigned char *name, __u32 length)
{
#ifdef SENSOR_DIRECT
	if (length <= NAME_WORDS * 8) {
		for (__u32 i = 0; i < NAME_WORDS; i++) {
			if (i * 8 >= length)
				break;
			*word_at(scratch, at + i * 8) = cast(timespec64, name + i * 8)->tv_sec;
		}
		return true;
	}
#endif
	return !bpf_probe_read_kernel(&scratch->bytes[at & RECORD_MASK], length & NAME_MAX, name);
}

/* One step towards the root. Returns 1 when the walk is over. */
static __always_inline int path_step(struct scratch *scratch)
{
	struct dentry *dentry = cast(dentry, scratch->walk.dentry), *parent;
	struct vfsmount *mount = cast(vfsmount, scratch->walk.mount);
	__u32 at = scratch->walk.start + scratch->walk.at, length;

	if (scratch->walk.dentry == scratch->walk.root_dentry && scratch->walk.mount == scratch->walk.root_mount) {
		scratch->walk.flags &= ~SENSOR_PATH_TRUNCATED;
		return 1;
	}
	parent = get(dentry, d_parent);
	if (dentry == parent || dentry == get(mount, mnt_root)) {
		struct mount *inner = mount_of(mount), *outer = get(inner, mnt_parent);

		if (inner == outer || !outer) {
			/* The top, and the process's root was not on the way: a detached mount, or outside of a chroot. */
			scratch->walk.flags &= ~SENSOR_PATH_TRUNCATED;
			if (!(scratch->walk.flags & SENSOR_PATH_PSEUDO))
				scratch->walk.flags |= SENSOR_PATH_UNREACHABLE;
			if (dentry == parent)
				return 1;
			/* A part of a filesystem, mounted nowhere (runc runs itself so): its place in there is what can be told. */
		} else {
			scratch->walk.dentry = (__u64)get(inner, mnt_mountpoint);
			scratch->walk.mount = (__u64)outer + bpf_core_field_offset(struct mount, mnt);
			return 0;
		}
	}
	length = get(dentry, d_name.len);
	if (length > NAME_MAX || scratch->walk.at + length + 1 > SENSOR_PATH_MAX)
		return 1;
	if (!copy_name(scratch, at, get(dentry, d_name.name), length))
		return 1;
	scratch->bytes[(at + length) & RECORD_MASK] = '/';
	scratch->walk.at += length + 1;
	scratch->walk.dentry = (__u64)parent;
	return 0;
}

#ifdef SENSOR_DIRECT
static long path_step_callback(__u32 index, struct scratch **scratch)
{
	(void)index;
	return path_step(*scratch);
}
#endif

/*
 * Appends the path of scratch->walk as a section of the record in that slot: names leaf first, a '/' after each.
 * Returns the section's flags, or -1 if there was no room.
 */
__noinline int append_path(__u32 tag, __u32 slot)
{
	struct scratch *scratch = scratch_at(slot);
	struct dentry *dentry;
	struct vfsmount *mount;
	bool is_over = false;
	__u32 begin_at;

	if (!scratch || !scratch->walk.dentry || !scratch->walk.mount)
		return -1;
	begin_at = scratch->length;
	if (begin_at > SECTION_START_MAX)
		return -1;
	scratch->walk.start = begin_at + sizeof(struct sensor_section);
	scratch->walk.at = 0;
	scratch->walk.flags = SENSOR_PATH_TRUNCATED;
	dentry = cast(dentry, scratch->walk.dentry);
	mount = cast(vfsmount, scratch->walk.mount);
	if (get(mount, mnt_flags) & MNT_INTERNAL) {
		/* Such a file is its own root: the one name it has (memfd:…) is all there is to tell. */
		__u32 length = get(dentry, d_name.len) & NAME_MAX;

		if (get(dentry, d_parent) == dentry && length &&
		    !bpf_probe_read_kernel(&scratch->bytes[masked(scratch->walk.start)], length,
					   get(dentry, d_name.name))) {
			scratch->bytes[masked(scratch->walk.start + length)] = '/';
			scratch->walk.at = length + 1;
		}
		scratch->walk.flags |= SENSOR_PATH_PSEUDO;
	}
	if (!(scratch->walk.flags & SENSOR_PATH_PSEUDO) && !get(dentry, d_hash.pprev) &&
	    get(dentry, d_parent) != dentry)
		scratch->walk.flags |= SENSOR_PATH_DELETED;
	for (__u32 i = 0; i < PATH_STEPS_INLINE && !is_over; i++)
		is_over = path_step(scratch);
#ifdef SENSOR_DIRECT
	if (!is_over)
		bpf_loop(PATH_STEPS - PATH_STEPS_INLINE, path_step_callback, &scratch, 0);
#endif
	close_section(scratch, begin_at, scratch->walk.at, tag, scratch->walk.flags);
	return scratch->walk.flags;
}

/* The same, seen from the task's own root; a path that is too long goes into the ledger. */
static __always_inline void append_path_of(struct task_struct *task, struct scratch *scratch, struct path *path,
					   __u32 tag)
{
	struct fs_struct *fs = get(task, fs);
	int flags;

	scratch->walk.dentry = (__u64)get(path, dentry);
	scratch->walk.mount = (__u64)get(path, mnt);
	scratch->walk.root_dentry = (__u64)get(fs, root.dentry);
	scratch->walk.root_mount = (__u64)get(fs, root.mnt);
	flags = append_path(tag, scratch->slot);
	if (flags < 0)
		lose_of(scratch, SENSOR_LOSS_READ_FAULT);
	else if (flags & SENSOR_PATH_TRUNCATED)
		lose_of(scratch, SENSOR_LOSS_PATH_TOO_LONG);
}

static __always_inline struct file *file_at(struct task_struct *task, __u32 descriptor)
{
	struct files_struct *files = get(task, files);
	struct fdtable *table;
	struct file **slots, *file = NULL;

	if (!files)
		return NULL;
	table = get(files, fdt);
	if (descriptor >= get(table, max_fds))
		return NULL;
	slots = get(table, fd);
#ifdef SENSOR_DIRECT
	/* A slot is a pointer at offset 0, as list_head's first member is: a plain load instead of a call. */
	file = (struct file *)cast(list_head, slots + descriptor)->next;
#else
	if (bpf_probe_read_kernel(&file, sizeof(file), slots + descriptor))
		return NULL;
#endif
	return file ? cast(file, file) : NULL;
}

#endif
