/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every concern uses: configuration, maps, reading kernel memory, hashing, the loss ledger. */
#ifndef SENSOR_CORE_BPF_H
#define SENSOR_CORE_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "sensor_event.h"

#define ENOENT 2
#define E2BIG 7
#define EBUSY 16
#define EEXIST 17
#define EDEADLK 35
#define EINPROGRESS 115

const volatile struct sensor_config config SEC(".rodata.config");

/*
 * Reading kernel memory. The direct flavour (6.2 and up) walks typed pointers, which the JIT turns into plain loads with an
 * exception table: a bad pointer reads as zero. The floor flavour (5.10) asks bpf_probe_read_kernel for each member.
 */
#ifdef SENSOR_DIRECT
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym;
#define get(pointer, member) ((pointer)->member)
#define cast(type, pointer) ((struct type *)bpf_rdonly_cast((void *)(pointer), bpf_core_type_id_kernel(struct type)))
#else
#define get(pointer, member)                                               \
	({                                                                 \
		typeof(pointer) __from = (pointer);                        \
		__typeof_unqual__(__from->member) __value = {};            \
		bpf_core_read(&__value, sizeof(__value), &__from->member); \
		__value;                                                   \
	})
#define cast(type, pointer) ((struct type *)(pointer))
#endif
/* For members whose type differs between kernels: always by probe, `size` bytes. */
#define read_member(to, size, pointer, member) bpf_core_read(to, size, &(pointer)->member)

#define PF_KTHREAD 0x00200000
#define PF_IO_WORKER 0x00000010
#define TS_COMPAT 0x0002
#define TIF_32BIT 22 /* arm64 */
#define SECCOMP_MODE_FILTER 2
#define SECCOMP_MODE_DEAD 3 /* it has killed; older kernels do not get as far as the exit of that call */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} lifecycle SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 << 20);
} activity SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct sensor_key);
	__type(value, struct sensor_count);
} memory SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct sensor_key);
	__type(value, struct sensor_count);
} failures SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct sensor_workload);
} workloads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct sensor_released);
} released SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct sensor_loss_key);
	__type(value, __u64);
} losses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} loss_overflow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, __u32);
} scope_processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u32);
} scope_cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u32);
} unwatched SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u32);
} unstreamed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct sensor_detail);
} reduced SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sensor_control);
} control SEC(".maps");

/*
 * Where a record is put together. A section starts at SECTION_START_MAX at most and has SENSOR_PATH_MAX bytes at most, so a
 * mask is all the verifier needs and nothing wraps. One for programs in process context, one for those that run in softirq
 * in between.
 */
#define RECORD_LIMIT 16384
#define RECORD_MASK (RECORD_LIMIT - 1)
#define SECTION_START_MAX (RECORD_LIMIT - SENSOR_PATH_MAX - 16)
/* One use of a socket by the current task. */
struct socket_use {
	__u64 sk;
	__u64 address; /* the caller's sockaddr in user memory; 0 none */
	__s64 result;
	__u32 length; /* of the address */
	__u8 kind;
	__u8 hook;
	__u16 is_earlier; /* a message of several, and not the last one that the kernel looked at */
};

/* A call that names a file: what the kernel has no object for (any more) afterwards. */
struct naming {
	__u64 name;     /* user address of the string; 0: none */
	__u64 new_name; /* second string; 0: none */
	__s64 result;
	__s32 directory;
	__s32 new_directory;
	__u32 access;
	__u8 kind;
	__u8 hook;        /* 0: sys_exit */
	bool is_followed; /* the call goes on to where a link leads that `name` may be */
	__u16 limit;      /* bytes that the first string has at most; 0: up to its NUL */
};

/* What a call that matters by itself was about. */
#define NOTABLE_STRINGS 3
struct notable {
	__u64 strings[NOTABLE_STRINGS]; /* user addresses; 0: none */
	__u64 detail;                   /* what else makes one call differ from another */
	__u64 target;                   /* whom it is done to, as a number; 0: nobody */
	__u64 limit;                    /* bytes that the first string has at most; 0: up to its NUL */
	__u64 file;                     /* struct file that a descriptor led to; 0: none */
};

/* Who opened a socket, and to whom. */
struct owner {
	__u64 cgroup;
	__u64 executable;
	__u64 start;
	__u64 since;
	__u32 tgid;
	__u32 tid;
	__u8 family; /* 0: the peer is not known */
	__u8 hook;
	__u8 direction;
	__u8 flags;
	__u16 peer_port;
	__u16 reserved;
	__u32 calls; /* open when it was opened */
	__u32 reserved2;
	__u8 peer[16];
};

struct scratch {
	struct sensor_header header; /* the record starts here */
	__u8 bytes[RECORD_LIMIT + SENSOR_PATH_MAX + 512];
	__u32 length; /* of body and sections so far, in bytes[] */
	__u32 slot;   /* which entry of the map this is, for append_path(); softirq walks no paths */
	struct {
		__u64 path;  /* struct path */
		__u64 inode; /* struct inode */
		__s64 result;
		__u32 access, flags; /* of sensor_file */
		__s32 staged;        /* length of the caller's string behind the body, -1 if it is not wanted */
		__u32 record;        /* flags of the record */
		__s32 descriptor;    /* -1 none */
		__s32 directory;     /* that the caller's string starts from */
	} sight;                     /* send_file()'s arguments */
	struct {
		__u64 dentry, mount, root_dentry, root_mount;
		__u32 start, at; /* where the names go in bytes[]: begin, and how many so far */
		__u32 flags;
		__u32 reserved;
	} walk; /* append_path()'s arguments and state; in memory, so that the verifier sees each step alike */
	struct {
		__u64 found;      /* struct vm_area_struct; 0: none */
		__u64 pivots[15]; /* of the node under way */
	} area;                   /* find_in_maple_tree()'s result */
	struct socket_use use;    /* observe_socket()'s argument */
	struct naming naming;     /* observe_name()'s */
	struct notable notable;   /* on_notable()'s */
	struct owner owner;       /* of a socket that is accepted */
};

#define SCRATCH_PROCESS 0
#define SCRATCH_SOFTIRQ 1
#define SCRATCH_ITERATOR 2 /* iterators can be preempted by programs that use the others */
#define SCRATCH_COUNT 3

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_COUNT);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *scratch_at(__u32 index)
{
	return bpf_map_lookup_elem(&scratches, &index);
}

/* NULL, too, when nobody takes what the programs tell any more: each returns at once then. */
static __always_inline struct sensor_control *control_block(void)
{
	__u32 zero = 0;
	struct sensor_control *block = bpf_map_lookup_elem(&control, &zero);

	return block && !block->quiet ? block : NULL;
}

static __always_inline bool is_self(const struct sensor_control *block, __u32 tgid)
{
	return tgid == block->self_tgid;
}

/* Never fetching: 5.10 has no atomics that return the old value. */
static __always_inline void add(__u64 *counter, __u64 amount)
{
	__c11_atomic_fetch_add((_Atomic __u64 *)counter, amount, __ATOMIC_RELAXED);
}

/* Every loss is written down; what the ledger itself has no room for goes into one overflow counter. */
__noinline int lose(__u64 cgroup, __u8 hook, __u8 reason, __u8 kind)
{
	struct sensor_loss_key key = { .cgroup = cgroup, .hook = hook, .reason = reason, .kind = kind };
	__u64 one = 1, *count = bpf_map_lookup_elem(&losses, &key);
	__u32 zero = 0;

	if (!count) {
		if (bpf_map_update_elem(&losses, &key, &one, BPF_NOEXIST) == 0)
			return 0;
		count = bpf_map_lookup_elem(&losses, &key);
		if (!count)
			count = bpf_map_lookup_elem(&loss_overflow, &zero);
	}
	if (count)
		add(count, 1);
	return 0;
}

/* A loss of the record in the scratch buffer: its key says whose, where and of which kind. */
static __always_inline void lose_of(struct scratch *scratch, __u8 reason)
{
	lose(scratch->header.key.cgroup, scratch->header.key.hook, reason, scratch->header.key.kind);
}

/*
 * Seeded, so that nobody outside can make two objects look like one. mix() one word at a time, finish() once. The factor is secret, and used
 * twice: a difference in one word (its highest bit, say, which any factor leaves where it is) then becomes one that cannot be known, and so
 * cannot be undone by another word.
 */
static __always_inline __u64 mix(__u64 hash, __u64 word)
{
	__u64 factor = config.seed | 1;

	hash = (hash ^ word) * factor;
	hash = (hash ^ (hash >> 32)) * factor;
	return hash ^ (hash >> 29);
}

static __always_inline __u64 finish(__u64 hash)
{
	hash *= 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 32);
}

/*
 * A kernel pointer as a number to hash or compare. The verifier forbids arithmetic on pointers, but what comes out of a byte swap is a number to
 * it, for privileged programs on every kernel; two swaps give the address back.
 */
static __always_inline __u64 address_of(const volatile void *pointer)
{
	__u64 address = (__u64)pointer;

	asm volatile("%0 = be64 %0\n\t%0 = be64 %0" : "+r"(address));
	return address;
}

static __always_inline struct task_struct *current_task(void)
{
	return cast(task_struct, bpf_get_current_task());
}

/* Read each time: a cached one would be stale after a migration. */
static __always_inline __u64 cgroup_of(struct task_struct *task)
{
	struct css_set *set = get(task, cgroups);
	struct cgroup *cgroup;

	if (config.cgroup_subsystem < 0) {
		cgroup = get(set, dfl_cgrp);
	} else {
		struct cgroup_subsys_state *state = NULL;
		__u32 index = config.cgroup_subsystem & 15;

#ifdef SENSOR_DIRECT
		state = set->subsys[index]; /* frozen configuration: the verifier knows the index */
#else
		bpf_core_read(&state, sizeof(state), &set->subsys[index]);
#endif
		cgroup = get(state, cgroup);
	}
	return get(get(cgroup, kn), id);
}

/* (superblock, inode, generation): an inode number alone comes back for another file. */
static __always_inline __u64 mix_inode(__u64 hash, struct inode *inode)
{
	hash = mix(hash, get(inode, i_ino));
	return mix(hash, ((__u64)get(get(inode, i_sb), s_dev) << 32) | get(inode, i_generation));
}

static __always_inline __u64 executable_of(struct task_struct *task)
{
	struct mm_struct *mm = get(task, mm);
	struct file *file;

	if (!mm)
		return 0;
	file = get(mm, exe_file);
	if (!file)
		return 0;
	return finish(mix_inode(config.seed, get(file, f_inode)));
}

/* Does a filter decide what its calls do? Most containers run so. */
static __always_inline bool in_filter_mode(struct task_struct *task)
{
	return bpf_core_field_exists(task->seccomp.mode) && get(task, seccomp.mode) == SECCOMP_MODE_FILTER;
}

static __always_inline bool is_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return get(task, thread_info.status) & TS_COMPAT;
#else
	return get(task, thread_info.flags) & (1UL << TIF_32BIT);
#endif
}

#endif
