/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files: opened, created, changed, removed, mapped as code; read after the fact from the kernel's own objects. */
#ifndef SENSOR_FILE_BPF_H
#define SENSOR_FILE_BPF_H

#include "call.bpf.h"
#include "path.bpf.h"

#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define FMODE_EXEC 0x20
#define FMODE_PATH 0x4000
#define FMODE_CREATED 0x100000
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_TMPFILE_BIT 020000000
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFDIR 0040000
#define AT_FDCWD (-100)
#define PROT_EXEC 0x4

/* The caller's string is staged behind the body, where it becomes the first section if it is wanted. */
#define STAGED_AT (sizeof(struct sensor_file) + sizeof(struct sensor_section))

static __always_inline void file_key(struct sensor_key *key, const struct sensor_control *block,
				     struct task_struct *task, __u8 kind, __u8 hook, int error)
{
	key->cgroup = cgroup_of(task);
	key->executable = executable_of(task);
	key->kind = kind;
	key->hook = hook;
	key->error = error;
	key->calls = calls_of(block, task);
}

/* Directories above a file whose renaming makes another object of it. Before 6.2 each costs two probes. */
#ifdef SENSOR_DIRECT
#define PLACE_DEPTH 16
#else
#define PLACE_DEPTH 4
#endif

/*
 * Where a file is: the names on the way up, mount by mount, and which mounts those are. The kernel's hash of a name is salted with the
 * directory's address, so that of names alike in other directories there is no doubt; but whoever renames a directory or moves a mount
 * changes nothing but that one's own name.
 */
static __always_inline __u64 mix_place(__u64 hash, struct dentry *dentry, struct mount *mount)
{
	struct dentry *root = get(mount, mnt.mnt_root), *parent;
	__u64 names = (__u32)get(mount, mnt_id);
	struct mount *outer;

	for (int i = 0; i < PLACE_DEPTH; i++) {
		parent = get(dentry, d_parent);
		if (dentry == root || dentry == parent) {
			outer = get(mount, mnt_parent);
			if (outer == mount || !outer)
				break;
			dentry = get(mount, mnt_mountpoint);
			mount = outer;
			root = get(mount, mnt.mnt_root);
			names ^= (__u64)(__u32)get(mount, mnt_id) << 32;
		} else {
			names = (names ^ get(dentry, d_name.hash_len)) * 0x9e3779b97f4a7c15ULL;
			dentry = parent;
		}
	}
	return mix(hash, names);
}

/* A root shows files under other names than another. */
static __always_inline __u64 mix_own_root(__u64 hash)
{
	struct path *root = &get(current_task(), fs)->root;

	return mix(hash, (__u64)(__u32)get(mount_of(get(root, mnt)), mnt_id) << 32 ^
				 get(get(get(root, dentry), d_inode), i_ino));
}

/*
 * A file as an object: (superblock, inode, generation), its place, so that a second link or a bind mount is another, and the root that it is
 * seen from.
 */
static __always_inline __u64 file_object(struct path *path, struct inode *inode, __u32 access)
{
	__u64 hash = mix_place(mix_own_root(config.seed ^ access), get(path, dentry), mount_of(get(path, mnt)));

	return finish(mix_inode(hash, inode));
}

static __always_inline void fill_file(struct sensor_file *to, struct inode *inode, __u32 access, int descriptor)
{
	to->inode = get(inode, i_ino);
	to->generation = get(inode, i_generation);
	to->device = get(get(inode, i_sb), s_dev);
	to->mode = get(inode, i_mode);
	to->access = access;
	to->descriptor = descriptor;
}

/* The directory that a relative name starts from. */
static __always_inline struct path *base_path(struct task_struct *task, int directory)
{
	struct file *file;

	if (directory == AT_FDCWD)
		return &get(task, fs)->pwd;
	file = file_at(task, directory);
	return file ? &file->f_path : NULL;
}

static __always_inline __u64 mix_base(__u64 hash, struct task_struct *task, int directory)
{
	struct path *base = base_path(task, directory);

	if (!base)
		return hash;
	hash = mix_place(hash, get(base, dentry), mount_of(get(base, mnt)));
	return mix_inode(hash, get(get(base, dentry), d_inode));
}

/* The root that an absolute name starts from: in another one it names another file. */
static __always_inline __u64 mix_root(__u64 hash, struct task_struct *task)
{
	struct path *root = &get(task, fs)->root;

	hash = mix(hash, get(mount_of(get(root, mnt)), mnt_id));
	return mix_inode(hash, get(get(root, dentry), d_inode));
}

/* Where a name starts from. A function of its own, so that the verifier goes through the walk once. */
__noinline __u64 mix_start(__u64 hash, int directory, __u32 relative)
{
	struct task_struct *task = current_task();

	return relative ? mix_base(hash, task, directory) : mix_root(hash, task);
}

static __always_inline bool is_relative(struct scratch *scratch, __u32 at)
{
	return scratch->bytes[at & RECORD_MASK] != '/';
}

/* First or streamed sight of a file that the kernel has an object for: the expensive part, out of the hot path. */
static __noinline void send_file(struct scratch *scratch, struct sensor_control *block)
{
	struct task_struct *task = current_task();
	struct path *path = cast(path, scratch->sight.path);
	struct sensor_file *to;

	begin(scratch, task, scratch->sight.record, scratch->sight.result);
	to = body(scratch, sensor_file);
	fill_file(to, cast(inode, scratch->sight.inode), scratch->sight.access, scratch->sight.descriptor);
	to->flags = scratch->sight.flags;
	if (scratch->sight.staged >= 0) {
		struct path *base = NULL;

		if (is_relative(scratch, STAGED_AT))
			base = base_path(task, scratch->sight.directory);
		close_section(scratch, sizeof(*to), scratch->sight.staged & (SENSOR_PATH_MAX - 1),
			      SENSOR_SECTION_ARGUMENT, 0);
		if (base)
			append_path_of(task, scratch, base, SENSOR_SECTION_BASE);
	}
	append_path_of(task, scratch, path, SENSOR_SECTION_PATH);
	dispatch(scratch, block, false);
}

/* A descriptor that appeared. */
struct opened {
	__u64 argument; /* the caller's path in user memory, 0 if there is none */
	__s32 descriptor;
	__s32 directory; /* that a relative path starts from */
	__u32 access;    /* what the file cannot tell any more */
	__u8 hook;
	__u8 doubtful; /* the descriptor may be none that this call returned */
};

/*
 * A filter's SECCOMP_RET_ERRNO answers a call that it keeps from running with an error, or with 0 (errno 0), which passes for success. What
 * a supervisor answers (SECCOMP_RET_USER_NOTIF) or a tracer (SECCOMP_RET_TRACE) may be any number.
 */
static __always_inline bool may_be_made_up(struct task_struct *task, const struct opened *opened)
{
	return opened->doubtful ||
	       (opened->descriptor == 0 && opened->hook == SENSOR_HOOK_SYS_EXIT && in_filter_mode(task));
}

/*
 * By open, by io_uring, by a handle, out of a message. One look-up and one addition if the file is known. Returns false if
 * there is no file: another thread has closed the descriptor already.
 */
static __noinline bool on_descriptor(struct sensor_control *block, const struct opened *opened)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct task_struct *task = current_task();
	struct file *file = file_at(task, opened->descriptor);
	__u32 access = opened->access, mode, type;
	struct sensor_key *key;
	struct inode *inode;
	__u8 kind = SENSOR_FILE_OPEN;
	int staged;
	bool is_shared;

	if (!scratch)
		return true;
	if (!file) {
		/* What came without a name is gone without one. */
		if (!opened->argument)
			lose(cgroup_of(task), opened->hook, SENSOR_LOSS_UNREADABLE, SENSOR_FILE_OPEN);
		return false;
	}
	inode = get(file, f_inode);
	type = get(inode, i_mode) & S_IFMT;
	/* One that was received. An open may have one instead of what it opened, put there by another thread. */
	if (type == S_IFSOCK && !opened->argument)
		return true;
	mode = get(file, f_mode);
	access |= mode & (FMODE_READ | FMODE_WRITE);
	if (type == S_IFDIR)
		access |= SENSOR_ACCESS_DIRECTORY;
	if (mode & FMODE_CREATED && !(access & SENSOR_ACCESS_RECEIVED)) {
		access |= SENSOR_ACCESS_CREATE;
		kind = SENSOR_FILE_CREATE;
	}
	if (mode & FMODE_EXEC)
		access |= SENSOR_ACCESS_EXECUTE;
	if (mode & FMODE_PATH)
		access |= SENSOR_ACCESS_PATH;
	if (get(file, f_flags) & O_APPEND)
		access |= SENSOR_ACCESS_APPEND;
	if (!enabled(block, kind))
		return true;
	key = &scratch->header.key;
	file_key(key, block, task, kind, opened->hook, 0);
	key->object = file_object(&file->f_path, inode, access);
	scratch->sight.flags = 0;
	scratch->sight.staged = -1;
	is_shared = get(get(task, files), count.counter) > 1;
	if (opened->argument && (is_shared || may_be_made_up(task, opened))) {
		/*
		 * Another thread may have put another file into the slot since, or the call never ran. The caller's string
		 * goes along and is part of the object, so that the daemon can compare the two, each time that either is new.
		 */
		scratch->sight.flags = is_shared ? SENSOR_FILE_SHARED_TABLE : 0;
		scratch->length = sizeof(struct sensor_file);
		staged = stage_user_string(opened->argument, SCRATCH_PROCESS);
		if (staged >= 0) {
			scratch->sight.flags |= SENSOR_FILE_COMPARE;
			scratch->sight.staged = staged;
			scratch->sight.directory = opened->directory;
			key->object = mix(key->object, hash_bytes(STAGED_AT, staged, SCRATCH_PROCESS));
			if (is_relative(scratch, STAGED_AT))
				key->object = mix_base(key->object, task, opened->directory);
			key->object = finish(key->object);
		}
	}
	scratch->sight.record = recall(&memory, key, block, get(task, tgid), 0, 0);
	if (!scratch->sight.record)
		return true;
	scratch->sight.path = (__u64)&file->f_path;
	scratch->sight.inode = (__u64)inode;
	scratch->sight.result = opened->descriptor;
	scratch->sight.descriptor = opened->descriptor;
	scratch->sight.access = access;
	send_file(scratch, block);
	return true;
}

/*
 * The name, and the directory that it starts from, are read after the call: who shares the memory, the descriptors or the working directory
 * may have put another one there. And what a seccomp filter keeps from running can be made to look done.
 */
static __always_inline bool is_unproved(struct task_struct *task)
{
	return get(get(task, mm), mm_users.counter) > 1 || get(get(task, files), count.counter) > 1 ||
	       get(get(task, fs), users) > 1 || in_filter_mode(task);
}

/*
 * Opens that failed, and calls that take a name and leave no dentry to read. The names are the caller's, the base directories are the
 * kernel's; links in between are resolved by the daemon. Failures have a memory and a budget of their own, since storms of ENOENT are normal.
 */
__noinline int observe_name(void)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct sensor_control *block = control_block();
	struct task_struct *task = current_task();
	struct sensor_key key = {};
	bool failed, relative = false, new_relative = false;
	struct naming *naming;
	struct sensor_file *to;
	struct path *base;
	int length;
	__u32 at;
	__u16 flags;

	if (!scratch || !block || !enabled(block, scratch->naming.kind))
		return 0;
	naming = &scratch->naming;
	failed = naming->result < 0;
	file_key(&key, block, task, naming->kind, naming->hook ? naming->hook : SENSOR_HOOK_SYS_EXIT,
		 failed ? -naming->result : 0);
	scratch->header.key = key;
	begin(scratch, task, 0, naming->result);
	to = body(scratch, sensor_file);
	to->access = naming->access;
	to->descriptor = -1;
	to->flags = !failed && is_unproved(task) ? SENSOR_FILE_UNPROVED : 0;
	if (naming->is_followed)
		to->flags |= SENSOR_FILE_FOLLOWED;
	key.object = mix(config.seed ^ naming->access, to->flags);

	at = scratch->length + sizeof(struct sensor_section);
	length = stage_user_string(naming->name, SCRATCH_PROCESS);
	if (naming->limit && length > naming->limit)
		length = naming->limit;
	if (length < 0) {
		lose(key.cgroup, key.hook, SENSOR_LOSS_READ_FAULT, key.kind);
	} else {
		key.object = mix(key.object, hash_bytes(at, length, SCRATCH_PROCESS));
		relative = is_relative(scratch, at);
		close_section(scratch, scratch->length, length & (SENSOR_PATH_MAX - 1), SENSOR_SECTION_ARGUMENT, 0);
	}
	if (naming->new_name) {
		at = scratch->length + sizeof(struct sensor_section);
		length = stage_user_string(naming->new_name, SCRATCH_PROCESS);
		if (length < 0) {
			lose(key.cgroup, key.hook, SENSOR_LOSS_READ_FAULT, key.kind);
		} else {
			key.object = mix(key.object, hash_bytes(at, length, SCRATCH_PROCESS));
			new_relative = is_relative(scratch, at);
			close_section(scratch, scratch->length, length & (SENSOR_PATH_MAX - 1),
				      SENSOR_SECTION_NEW_ARGUMENT, 0);
		}
	}
	key.object = mix_start(key.object, naming->directory, relative);
	if (naming->new_name)
		key.object = mix_start(key.object, naming->new_directory, new_relative);
	key.object = finish(key.object);
	flags = failed                ? recall(&failures, &key, block, get(task, tgid), 0, 0)
		: naming->is_followed ? recall_followed(&key, block, get(task, tgid))
				      : recall(&memory, &key, block, get(task, tgid), 0, 0);
	if (!flags)
		return 0;
	scratch->header.key = key;
	scratch->header.flags = flags;
	if (relative) {
		base = base_path(task, naming->directory);
		if (base)
			append_path_of(task, scratch, base, SENSOR_SECTION_BASE);
	}
	if (new_relative) {
		base = base_path(task, naming->new_directory);
		if (base)
			append_path_of(task, scratch, base, SENSOR_SECTION_NEW_BASE);
	}
	if (flags & SENSOR_REPEATED)
		dispatch_repeat(scratch, block);
	else
		dispatch(scratch, block, failed);
	return 0;
}

static __always_inline void on_name(const struct naming *naming)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);

	if (!scratch)
		return;
	scratch->naming = *naming;
	observe_name();
}

/* What is done to a file that is open or mapped: the dentry is at hand. */
struct deed {
	__u64 file; /* struct file; 0: nothing to report */
	__s64 result;
	__u32 access;
	__u8 kind;
	__u8 hook;
};

static __noinline void on_file(struct sensor_control *block, const struct deed *deed)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct task_struct *task = current_task();
	struct file *file;
	struct sensor_key *key;

	if (!scratch || !deed->file || !enabled(block, deed->kind))
		return;
	file = cast(file, deed->file);
	key = &scratch->header.key;
	file_key(key, block, task, deed->kind, deed->hook, deed->result < 0 ? -deed->result : 0);
	key->object = file_object(&file->f_path, get(file, f_inode), deed->access);
	scratch->sight.record = recall(&memory, key, block, get(task, tgid), 0, 0);
	if (!scratch->sight.record)
		return;
	scratch->sight.path = (__u64)&file->f_path;
	scratch->sight.inode = (__u64)get(file, f_inode);
	scratch->sight.result = deed->result;
	scratch->sight.descriptor = -1;
	scratch->sight.access = deed->access;
	scratch->sight.flags = 0;
	scratch->sight.staged = -1;
	send_file(scratch, block);
}

/* A part of the current process's memory. */
struct area {
	__u64 file; /* struct file; 0: anonymous memory */
	__u64 end;  /* 0: it could not be seen */
};

#ifdef SENSOR_DIRECT
static long area_found(struct task_struct *task, struct vm_area_struct *found, struct area *area)
{
	(void)task;
	area->file = address_of(found->vm_file);
	area->end = found->vm_end;
	return 0;
}
#endif

#ifndef SENSOR_DIRECT
/* Until 6.0 the areas are in a red-black tree. */
static __always_inline struct vm_area_struct *find_in_red_black_tree(struct mm_struct *mm, __u64 address)
{
	struct rb_node *node = get(mm, mm_rb.rb_node);

	for (__u32 i = 0; i < 40 && node; i++) {
		struct vm_area_struct *found =
			(void *)((__u64)node - bpf_core_field_offset(struct vm_area_struct, vm_rb));

		if (get(found, vm_end) <= address)
			node = get(node, rb_right);
		else if (get(found, vm_start) > address)
			node = get(node, rb_left);
		else
			return found;
	}
	return NULL;
}

/* A pointer to a node of a maple tree says in its low bits what kind of node it is: enum maple_type. */
#define MAPLE_NODE(pointer) ((pointer) & ~255ULL)
#define MAPLE_TYPE(pointer) ((pointer) >> 3 & 15)
#define MAPLE_LEAF_64 1
#define MAPLE_RANGE_64 2
#define MAPLE_ARANGE_64 3
/* Ten ways at least in each node: more areas than a process may have. */
#define MAPLE_LEVELS 8

/*
 * From 6.1 on they are in a maple tree. What lies at an address goes to scratch->area.found, and may be of another address where the
 * tree is about to change. Global, so that it is verified once.
 */
__noinline int find_in_maple_tree(__u64 root, __u64 address)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	__u64 pointer = root;

	if (!scratch)
		return 0;
	scratch->area.found = 0;
	/* A root that is no node is the only entry. */
	if (!bpf_core_field_exists(struct mm_struct, mm_mt) || (root & 3) != 2)
		return 0;
	for (__u32 level = 0; level < MAPLE_LEVELS; level++) {
		__u64 type = MAPLE_TYPE(pointer), pivots, slots;
		__u32 i, count;

		if (type == MAPLE_ARANGE_64) {
			pivots = bpf_core_field_offset(struct maple_arange_64, pivot);
			slots = bpf_core_field_offset(struct maple_arange_64, slot);
			count = 9;
		} else if (type == MAPLE_RANGE_64 || type == MAPLE_LEAF_64) {
			pivots = bpf_core_field_offset(struct maple_range_64, pivot);
			slots = bpf_core_field_offset(struct maple_range_64, slot);
			count = 15;
		} else {
			return 0;
		}
		if (bpf_probe_read_kernel(scratch->area.pivots, sizeof(scratch->area.pivots),
					  (void *)(MAPLE_NODE(pointer) + pivots)))
			return 0;
		/* A pivot is the last address of its slot; 0: the slot before was the last one. */
		for (i = 0; i < 15; i++)
			if (i == count || !scratch->area.pivots[i] || scratch->area.pivots[i] >= address)
				break;
		if (bpf_probe_read_kernel(&pointer, sizeof(pointer),
					  (void *)(MAPLE_NODE(pointer) + slots + i * sizeof(void *))))
			return 0;
		if (type == MAPLE_LEAF_64) {
			scratch->area.found = pointer;
			return 0;
		}
	}
	return 0;
}
#endif

/* The area at an address of the current process. */
static __always_inline void find_area(struct task_struct *task, __u64 address, struct area *area)
{
	area->file = 0;
	area->end = 0;
#ifdef SENSOR_DIRECT
	(void)task;
	/* Not if another thread is about to change the map. */
	bpf_find_vma(bpf_get_current_task_btf(), address, area_found, area, 0);
#else
	struct mm_struct *mm = get(task, mm);
	struct vm_area_struct *found = NULL;

	if (bpf_core_field_exists(struct mm_struct, mm_rb)) {
		found = find_in_red_black_tree(mm, address);
	} else {
		struct scratch *scratch = scratch_at(SCRATCH_PROCESS);

		find_in_maple_tree((__u64)get(mm, mm_mt.ma_root), address);
		if (scratch)
			found = (struct vm_area_struct *)scratch->area.found;
	}
	if (!found || get(found, vm_start) > address || get(found, vm_end) <= address)
		return;
	area->file = (__u64)get(found, vm_file);
	area->end = get(found, vm_end);
#endif
}

/* exec maps the program and its interpreter itself: AT_BASE of the new image's auxiliary vector is where the interpreter lies. */
#define AT_BASE 7
static __always_inline void on_exec_mappings(struct task_struct *task, struct sensor_control *block)
{
	struct mm_struct *mm = get(task, mm);
	__u64 pair[2], base = 0;
	struct area interpreter;
	struct deed deed = {
		.file = (__u64)get(mm, exe_file),
		.access = SENSOR_ACCESS_EXECUTE,
		.kind = SENSOR_FILE_EXECMAP,
		.hook = SENSOR_HOOK_PROCESS_EXEC,
	};

	on_file(block, &deed);
	for (__u32 i = 0; i < 24; i++) {
		if (bpf_probe_read_kernel(&pair, sizeof(pair),
					  (void *)mm + bpf_core_field_offset(struct mm_struct, saved_auxv) + i * 16))
			break;
		if (pair[0] == AT_BASE) {
			base = pair[1];
			break;
		}
		if (!pair[0])
			break;
	}
	if (!base)
		return;
	find_area(task, base, &interpreter);
	deed.file = interpreter.file;
	on_file(block, &deed);
}

#endif
