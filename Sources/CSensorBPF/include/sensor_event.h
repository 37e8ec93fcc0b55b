/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The layout that the eBPF programs and the daemon share: ring records, map keys and values, configuration.
 *
 * A ring record is a struct sensor_header, a body whose type the kind decides, and sections (tag, flags, length, bytes,
 * padded to 8). All integers have the machine's byte order. Every size and offset is asserted below, so that neither side can drift.
 */
#ifndef SENSOR_EVENT_H
#define SENSOR_EVENT_H

#ifndef __bpf__
#include <linux/types.h>
#include <stddef.h>
#endif

/*
 * Maps, by name (the daemon finds them so):
 *   lifecycle, activity   ring buffers
 *   memory, failures      hash sensor_key -> sensor_count; failures: opens that failed, a budget of their own
 *   workloads             hash cgroup id -> sensor_workload
 *   released              hash cgroup id -> sensor_released
 *   losses                hash sensor_loss_key -> __u64; loss_overflow: array of one __u64, what losses had no room for
 *   uring_opcodes         hash sensor_uring_key -> __u64
 *   scope_processes       hash tgid (__u32) -> SENSOR_SCOPE_* (__u32)
 *   scope_cgroups         hash cgroup id -> __u32
 *   unwatched             hash cgroup id -> __u32, whatever its value: of its activity nothing is reported or remembered
 *   unstreamed            hash cgroup id -> __u32, whatever its value: where all is streamed, its activity is not
 *   reduced               hash cgroup id -> sensor_detail: less is told of its activity
 *   call_threads          hash tid (__u32) -> sensor_calls
 *   call_processes        hash tgid (__u32) -> sensor_calls
 *   call_sets             array of __u64, mapped by both sides: at a set's number modulo SENSOR_CALL_SETS that number and, in the upper
 *                         half, its workload's share, as long as one of its calls is open
 *   call_shares           array of __u64, mapped by both sides: entries of call_threads and call_processes that are charged to it;
 *                         behind the last share: of all of them
 *   control               array of one sensor_control, mapped by both sides
 */

#define SENSOR_PATH_MAX 4096      /* bytes of a path or a caller's string in a record: the kernel's PATH_MAX */
#define SENSOR_ARGUMENTS_MAX 4096 /* bytes of argv in a record */
#define SENSOR_PAYLOAD_MAX 1232   /* bytes of a DNS message: what EDNS sends without fragments (DNS flag day 2020) */
#define SENSOR_RECORD_MAX 20480   /* bytes of the longest record */

/* What a record tells. The numbers go into recorded streams: never reuse one. */
enum sensor_kind {
	SENSOR_PROCESS_EXEC = 1, /* body sensor_exec */
	SENSOR_PROCESS_FORK = 2, /* body sensor_exec; the header names the child */
	SENSOR_PROCESS_EXIT = 3, /* body sensor_exit */
	SENSOR_PROCESS_SEEN =
		4, /* body sensor_exec; a process that ran before the sensor, or a thread unlike its leader */
	SENSOR_CGROUP_CREATED = 5, /* body sensor_cgroup; the key's cgroup is that of the task that made it */
	SENSOR_CGROUP_REMOVED = 6, /* the same, of the task that removed it */
	SENSOR_FILE_OPEN = 10,     /* file kinds: body sensor_file */
	SENSOR_FILE_CREATE = 11,
	SENSOR_FILE_DELETE = 12,
	SENSOR_FILE_RENAME = 13,
	SENSOR_FILE_LINK = 14,
	SENSOR_FILE_ATTRIBUTE = 15,
	SENSOR_FILE_EXECMAP = 16,
	SENSOR_NETWORK_CONNECT = 20, /* network kinds: body sensor_network */
	SENSOR_NETWORK_SEND = 21,
	SENSOR_NETWORK_LISTEN = 22,
	SENSOR_NETWORK_ACCEPT = 23,
	SENSOR_NETWORK_CLOSE = 24,
	SENSOR_SYSCALL_FIRST = 30,   /* body sensor_syscall */
	SENSOR_SYSCALL_NOTABLE = 31, /* body sensor_syscall */
	SENSOR_IDENTITY_CHANGE = 32, /* body sensor_identity */
	SENSOR_DNS_ANSWER = 40,      /* body sensor_network, section PAYLOAD */
	SENSOR_KIND_LIMIT = 64,
};

/* The hook that saw it ("via"), and the hook a loss belongs to. */
enum sensor_hook {
	SENSOR_HOOK_SYS_EXIT = 1,
	SENSOR_HOOK_PROCESS_EXEC = 2,
	SENSOR_HOOK_PROCESS_FORK = 3,
	SENSOR_HOOK_PROCESS_EXIT = 4,
	SENSOR_HOOK_SOCKET_STATE = 5,
	SENSOR_HOOK_SKB_INGRESS = 6,
	SENSOR_HOOK_URING_COMPLETE = 7,
	SENSOR_HOOK_URING_SUBMIT = 8,
	SENSOR_HOOK_CGROUP_MKDIR = 9,
	SENSOR_HOOK_CGROUP_RMDIR = 10,
	SENSOR_HOOK_ITER_TASK = 11,
	SENSOR_HOOK_CONNECT4 = 12,
	SENSOR_HOOK_CONNECT6 = 13,
	SENSOR_HOOK_SENDMSG4 = 14,
	SENSOR_HOOK_SENDMSG6 = 15,
	SENSOR_HOOK_SOCK_RELEASE = 16,
	SENSOR_HOOK_DAEMON = 31, /* not in the kernel: the daemon's own limits and its decoder */
	SENSOR_HOOK_LIMIT = 32,
};

/* Why something was lost or got worse. "lost": the event is gone. "degraded": it came, with less. */
enum sensor_loss_reason {
	SENSOR_LOSS_RING_FULL = 1,           /* lost: no room in the ring */
	SENSOR_LOSS_RING_BUDGET = 2,         /* lost: the cgroup had used up its share of the ring */
	SENSOR_LOSS_MEMORY_FULL = 3,         /* degraded: no entry free (E2BIG), so the event is sent each time */
	SENSOR_LOSS_MEMORY_BUDGET = 4,       /* degraded: the cgroup's entries are used up, sent each time */
	SENSOR_LOSS_MEMORY_BUSY = 5,         /* degraded: EBUSY or EDEADLK, sent each time */
	SENSOR_LOSS_MEMORY_ERROR = 6,        /* degraded: another errno */
	SENSOR_LOSS_READ_FAULT = 7,          /* degraded: memory that could not be read; a field is missing */
	SENSOR_LOSS_PATH_TOO_LONG = 8,       /* degraded: the leading part of a path is missing */
	SENSOR_LOSS_SOCKET_TABLE = 9,        /* lost: socket table full, no owner for what follows */
	SENSOR_LOSS_TASK_STORAGE = 10,       /* degraded */
	SENSOR_LOSS_RECURSION = 11,          /* lost: a program could not run within itself; node-wide */
	SENSOR_LOSS_UNKNOWN_RECORD = 12,     /* lost: the daemon does not know the record's kind */
	SENSOR_LOSS_BAD_RECORD = 13,         /* lost: truncated or inconsistent record */
	SENSOR_LOSS_DAEMON_LIMIT = 14,       /* lost or degraded by a bound of the daemon */
	SENSOR_LOSS_SUBSCRIBER = 15,         /* lost for one slow --tail, not for the records */
	SENSOR_LOSS_ARGUMENTS_TOO_LONG = 16, /* degraded: the end of the arguments is missing */
	SENSOR_LOSS_RECEIVED_TOO_MANY = 17,  /* lost: descriptors received beyond the number looked at */
	SENSOR_LOSS_COMPAT = 18,             /* blind: a 32-bit call, whose number is not decoded */
	SENSOR_LOSS_SENT_TOO_MANY = 19,      /* lost: messages of one sendmmsg beyond those looked at */
	SENSOR_LOSS_UNREADABLE = 20,         /* lost: what it was about could not be read at all */
	SENSOR_LOSS_SCOPE_FULL = 21,         /* lost for tails: no room for another process of the scope */
	SENSOR_LOSS_STREAM = 22,             /* lost for tails: a streamed copy; the event itself is counted */
	SENSOR_LOSS_CALLS_FULL = 23,         /* degraded: no room to note which tool calls a child was made within */
	SENSOR_LOSS_OVERLOAD = 24,           /* lost: the daemon had more to do than it may, and the cgroup caused it */
	SENSOR_LOSS_LIMIT = 32,
};

/* Which object a cgroup did what with: the key of the in-kernel memory. 32 bytes, no padding. */
struct sensor_key {
	__u64 cgroup;     /* id in the tracked hierarchy */
	__u64 executable; /* seeded hash of the executable's (device, inode, generation) */
	__u64 object;     /* seeded hash of what the kind's object is, access included */
	__u8 kind;        /* enum sensor_kind */
	__u8 hook;        /* enum sensor_hook */
	__u16 error;      /* errno of a failed attempt, 0 for success */
	__u32 calls;      /* set of open tool calls (SENSOR_CALLS_NUMBER) and how the task came by it; 0 none */
};

/* Counts since the entry was made, the first sight (which went through the ring) not included. */
struct sensor_count {
	__u64 count;
	__u64 sent; /* network kinds: payload bytes; file kinds: repeats that were told, which are not in `count` */
	__u64 received;
};

/* Record flags. */
#define SENSOR_FIRST_SEEN 0x1 /* not remembered until now; counts for facts */
#define SENSOR_STREAMED 0x2   /* in the scope of a --tail; if not FIRST_SEEN the memory has counted it already */
#define SENSOR_REMEMBERED 0x4 /* the memory has an entry for the key now: later counts refer to this record */
#define SENSOR_REPEATED 0x8   /* remembered, and not counted by the memory: it stands for itself, streamed or not */

struct sensor_header {
	__u32 size; /* of the whole record */
	__u16 flags;
	__u16 sections; /* how many follow the body */
	struct sensor_key key;
	__u64 time;  /* boot clock, ns */
	__u64 start; /* of the process (its leader), boot clock, ns; 0 unknown */
	__u32 tgid;  /* as the initial pid namespace has it; 0: no process */
	__u32 tid;
	__s64 result; /* what the syscall returned, or the negative errno */
	__u32 uid;    /* effective, of the thread; -1: not known, as what it tells of was done before */
	__u32 gid;
};

enum sensor_section_tag {
	SENSOR_SECTION_PATH = 1,         /* of the object: components leaf first, each followed by '/' */
	SENSOR_SECTION_EXECUTABLE = 2,   /* same shape */
	SENSOR_SECTION_DIRECTORY = 3,    /* working directory, same shape */
	SENSOR_SECTION_BASE = 4,         /* directory that ARGUMENT is relative to, same shape */
	SENSOR_SECTION_NEW_BASE = 5,     /* directory that NEW_ARGUMENT is relative to, same shape */
	SENSOR_SECTION_ARGUMENT = 6,     /* the caller's string; a Unix address may start with NUL */
	SENSOR_SECTION_NEW_ARGUMENT = 7, /* the caller's second string (rename, link: new name) */
	SENSOR_SECTION_ARGUMENTS = 8,    /* argv, NUL after each */
	SENSOR_SECTION_SCRIPT = 9,       /* the file name given to execve, when an interpreter runs it */
	SENSOR_SECTION_PAYLOAD = 10,     /* DNS message, from its header on */
	SENSOR_SECTION_THIRD_ARGUMENT = 11,
};

/* Section flags, for path-shaped sections. */
#define SENSOR_PATH_TRUNCATED 0x1   /* leading components are missing */
#define SENSOR_PATH_UNREACHABLE 0x2 /* not below the process's root: the path is seen from where the walk ended */
#define SENSOR_PATH_DELETED 0x4     /* the name is gone */
#define SENSOR_PATH_PSEUDO 0x8      /* pipe, socket, anonymous inode: a name, no path */

struct sensor_section {
	__u16 tag;
	__u16 flags;
	__u32 length; /* of the bytes that follow, padding not included */
};

#define SENSOR_GROUPS_MAX 8 /* supplementary groups in a record: more than most processes have */

struct sensor_credentials {
	__u32 uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
	__u32 securebits;
	__u32 group_count; /* supplementary groups in all */
	__u64 permitted, effective, inheritable, bounding, ambient;
	__u32 groups[SENSOR_GROUPS_MAX]; /* the first of them */
};

/* Inode numbers of namespaces; they are recycled, so they are shown and never a key. */
struct sensor_namespaces {
	__u32 pid, mount, network, user, uts, ipc, cgroup, reserved;
};

#define SENSOR_EXEC_SCRIPT 0x1
#define SENSOR_EXEC_SECURE 0x2 /* set-id or capability-gaining exec (AT_SECURE) */
#define SENSOR_EXEC_ARGUMENTS_CUT 0x4
#define SENSOR_EXEC_FROM_THREAD 0x8
#define SENSOR_EXEC_MEMORY_FILE 0x10 /* memfd or a file without a name */
#define SENSOR_EXEC_KERNEL_THREAD 0x20

struct sensor_exec {
	__u32 parent_tgid;
	__u32 flags;
	__u64 parent_start;
	__u64 inode;
	__u32 device; /* kernel's dev_t: 12 bits major, 20 bits minor */
	__u32 generation;
	__u32 argument_bytes; /* whole length of argv */
	__u32 creator_tgid;   /* fork: who called clone, whose image the child has; not the parent with CLONE_PARENT */
	struct sensor_credentials credentials;
	struct sensor_namespaces namespaces;
};

struct sensor_exit {
	__s32 code;   /* exit status, 0...255 */
	__s32 signal; /* that ended it; 0 none */
	__u32 core_dumped;
	__u32 reserved;
};

enum sensor_access {
	SENSOR_ACCESS_READ = 0x1,
	SENSOR_ACCESS_WRITE = 0x2,
	SENSOR_ACCESS_CREATE = 0x4,
	SENSOR_ACCESS_TRUNCATE = 0x8,
	SENSOR_ACCESS_APPEND = 0x10,
	SENSOR_ACCESS_EXECUTE = 0x20,
	SENSOR_ACCESS_PATH = 0x40, /* O_PATH */
	SENSOR_ACCESS_DIRECTORY = 0x80,
	SENSOR_ACCESS_TEMPORARY = 0x100, /* O_TMPFILE */
	SENSOR_ACCESS_RECEIVED = 0x200,  /* SCM_RIGHTS or pidfd_getfd: access without open */
	SENSOR_ACCESS_HANDLE = 0x400,    /* open_by_handle_at */
	SENSOR_ACCESS_MODE = 0x10000,    /* file.attribute: what was changed */
	SENSOR_ACCESS_OWNER = 0x20000,
	SENSOR_ACCESS_TIMES = 0x40000,
	SENSOR_ACCESS_XATTR = 0x80000,
	SENSOR_ACCESS_SIZE = 0x100000,
	SENSOR_ACCESS_SYMBOLIC = 0x200000,  /* file.link: a symbolic link, else a hard one */
	SENSOR_ACCESS_NODE = 0x400000,      /* mknod */
	SENSOR_ACCESS_PROTECT = 0x800000,   /* file.execmap by mprotect */
	SENSOR_ACCESS_EXCHANGE = 0x1000000, /* file.rename: both names are there, and changed places */
};

#define SENSOR_FILE_SHARED_TABLE 0x1 /* another thread could have swapped the descriptor */
#define SENSOR_FILE_COMPARE \
	0x2 /* PATH need not be the caller's: compare with ARGUMENT (and BASE), which say what was asked for */
#define SENSOR_FILE_UNPROVED \
	0x4 /* ARGUMENT may have been written since the call, or a seccomp filter made up its success */

#define SENSOR_FILE_FOLLOWED 0x8 /* of a link that ARGUMENT may be, what it leads to is meant */

struct sensor_file {
	__u64 inode;
	__u32 device;
	__u32 generation;
	__u32 access;     /* enum sensor_access */
	__u32 mode;       /* st_mode */
	__s32 descriptor; /* -1 none */
	__u32 flags;
};

#define SENSOR_DIRECTION_EGRESS 1
#define SENSOR_DIRECTION_INGRESS 2

#define SENSOR_NETWORK_MPTCP 0x1     /* protocol says TCP */
#define SENSOR_NETWORK_TRUNCATED 0x2 /* dns.answer: PAYLOAD is the beginning of a longer message */

/*
 * A Unix peer is a section: PATH when the kernel has the bound file, else ARGUMENT with the name's bytes. A vsock peer has its cid in
 * peer[0...3] and its port in peer[4...7], host order. An IPv4 address that an IPv6 socket uses is given as IPv4.
 */
struct sensor_network {
	__u8 family;   /* AF_* */
	__u8 protocol; /* IPPROTO_*; 0 for Unix and others */
	__u8 direction;
	__u8 type;        /* SOCK_* */
	__u16 local_port; /* host order */
	__u16 peer_port;
	__u8 local[16]; /* IPv4 in the first four bytes */
	__u8 peer[16];
	__u64 sent; /* payload bytes */
	__u64 received;
	__u64 duration; /* ns since connect or accept, or since a question was sent; 0: not known */
	__u64 socket;   /* opaque, the same for one socket's lifetime */
	__u64 inode;    /* Unix: of the bound path */
	__u32 device;
	__u32 flags;
};

struct sensor_syscall {
	__u32 number;
	__u32 flags;
	__u64 arguments[6];
};

struct sensor_identity {
	__u32 number;                          /* syscall, 0 for exec; clone's stands for clone3's too */
	__u32 creator_tgid;                    /* clone: who called it, whose state is the one before; else 0 */
	struct sensor_credentials credentials; /* after the change */
	struct sensor_namespaces namespaces;
	__u64 thread_start;  /* of the thread that the record is about, boot clock, ns */
	__u64 creator_start; /* clone: of the thread that called it; else 0 */
	__u32 creator_tid;
	__u32 reserved;
};

struct sensor_cgroup {
	__u64 id;
	__u64 parent;
	__u32 level;
	__s32 hierarchy; /* 0 for the unified one */
};

/* Loss ledger. */
struct sensor_loss_key {
	__u64 cgroup;
	__u8 hook;
	__u8 reason;
	__u8 kind;
	__u8 reserved[5];
};

/* In an opcode, of which the kernel has 256: what it opened or accepted went into the ring's own table of files. */
#define SENSOR_URING_DIRECT 0x100

/* io_uring operations that are not decoded, for each cgroup. */
struct sensor_uring_key {
	__u64 cgroup;
	__u32 opcode; /* IORING_OP_*, with or without SENSOR_URING_DIRECT */
	__u32 reserved;
};

/* What the kernel keeps for a cgroup. */
struct sensor_workload {
	__u64 drain;           /* value of sensor_control.drain that ring_bytes belongs to */
	__u64 ring_bytes;      /* put into the activity ring in that pass */
	__u64 lifecycle_bytes; /* and into the lifecycle ring */
	__u64 entries;         /* made in the memory, ever */
	__u64 failed_entries;
	__u64 sockets;     /* entries in the table of TCP sockets, now */
	__u64 syscalls[8]; /* the set, one bit a number */
	__u64 datagrams;   /* entries in the table of datagram sockets, now */
};

/* Entries that the daemon has deleted from the memory, for each cgroup; only the daemon writes it. */
struct sensor_released {
	__u64 entries;
	__u64 failed_entries;
};

#define SENSOR_STREAM_NONE 0
#define SENSOR_STREAM_SCOPED 1 /* processes and cgroups in the scope maps */
#define SENSOR_STREAM_ALL 2

#define SENSOR_DETAIL_FIRST_SIGHTS 1 /* repeats are counted, and no copy of them is sent */
#define SENSOR_DETAIL_COUNTS 2 /* nor is what is new, but for system calls, changes of identity and an allowance */

/* So much that is new is told of each kind in about a second (2^30 ns), whatever else there is: a flood of one hides no other. */
#define SENSOR_DETAIL_ALLOWANCE 8

/* How little is told of a cgroup. The daemon writes it; the programs count in it, a few too many where several run at once. */
struct sensor_detail {
	__u32 detail;                 /* SENSOR_DETAIL_* */
	__u32 time;                   /* in units of 2^30 ns of the boot clock: what `told` is about */
	__u8 told[SENSOR_KIND_LIMIT]; /* of each kind, what was told of it that is new */
};

/* Shared memory between the daemon and the programs (a map that both map). */
struct sensor_control {
	__u32 idle;          /* consumer sleeps: the next record must wake it */
	__u32 stream;        /* SENSOR_STREAM_* */
	__u64 drain;         /* goes up with every pass of the consumer */
	__u64 stream_kinds;  /* bit per kind: what is streamed */
	__u64 enabled_kinds; /* bit per kind: what is reported at all */
	__u32 scope_only;    /* 1: what is outside the scope is not reported at all (a --tail of its own) */
	__u32 unwatched;     /* 0: the map unwatched is empty, so that nobody need look there */
	__u32 unstreamed;    /* 0: the map unstreamed is */
	__u32 has_calls;     /* 0: no tool call was ever announced, so that nobody need look for one */
	__u32 reduced;       /* 0: the map reduced is empty */
	__u32 reserved;
	__u64 looked_at;  /* when the consumer last looked at the rings, boot clock, ns */
	__u64 deadline;   /* on the boot clock: whoever sees it pass makes all go quiet; 0: never */
	__u32 self_tgid;  /* the sensor, not reported; 0: it has ended */
	__u32 quiet;      /* 1: nobody has looked at the rings for too long: programs return at once, for good */
	__u32 forgetting; /* 1: the memory is left alone, so that the daemon can empty it: each event is told */
	__u32 is_left;    /* 1: all that was remembered until then has been taken; who comes next has the rest */
};

/* Several calls may be open in a place where the programs cannot tell which of them a task acts for. */
#define SENSOR_CALLS_UNCERTAIN 0xffffffff

/*
 * Sets of tool calls are numbered by the daemon; a number is used again only when nothing has named any of its place for long. Beside
 * it stands how a task came by it. SHARED: made within them by whoever announced them, whose other work it may do as well; STARTED: a
 * program that was started within them; both: made by what is SHARED, or the same program as whoever announced them, which may do other
 * work for good; neither: announced for the task itself.
 */
#define SENSOR_CALLS_NUMBER 0x3fffffff
#define SENSOR_CALLS_SHARED 0x80000000
#define SENSOR_CALLS_STARTED 0x40000000
#define SENSOR_CALLS_MADE (SENSOR_CALLS_SHARED | SENSOR_CALLS_STARTED)

/* On a processor, of a hook whose program the kernel may leave out while a run of it is preempted there. */
struct sensor_attempt {
	__u64 inside; /* 1: the first program is running, or preempted */
	__u64 again;  /* runs of the second, for what the first was left out of */
};

/* What a thread or a process acts for. */
struct sensor_calls {
	__u32 set;
	__u32 base;    /* of a thread: the set of its process that is part of this one */
	__u64 start;   /* of the task, boot clock, in SENSOR_CLOCK_TICK */
	__u32 share;   /* that it is charged to, and given back to by whoever deletes it */
	__u32 program; /* of whoever announced it, where the task was made within the set */
};

#define SENSOR_CALL_SETS 32768    /* that can have open calls at a time */
#define SENSOR_CALL_SHARES 4096   /* workloads that can have open calls at a time */
#define SENSOR_CALL_SHARE 4096    /* entries of one of them, of both maps */
#define SENSOR_CALL_ENTRIES 65536 /* of both maps; each has room for all of them */

/*
 * Whether one more entry may be made by a workload that has `own` of `all`. Of what is free it has a part at most, so that there is
 * always some for the next one: SENSOR_CALL_SHARE, a 16th of all, for one that is alone.
 */
static inline int sensor_call_has_room(__u64 own, __u64 all)
{
	return own < SENSOR_CALL_SHARE && all < SENSOR_CALL_ENTRIES && own * 15 < SENSOR_CALL_ENTRIES - all;
}

#define SENSOR_CLOCK_TICK 10000000 /* ns: what /proc counts starts of processes in, on every machine */

/* Written before load into .rodata.config. */
struct sensor_config {
	__u64 seed;             /* of all hashes; random at each start */
	__s32 cgroup_subsystem; /* index in css_set.subsys of the tracked v1 hierarchy; -1: the unified one */
	__u32 ring_budget; /* bytes one cgroup may put into the activity ring in one pass while the ring is more than half full */
	__u32 ring_size;    /* activity ring, bytes */
	__u32 wake_bytes;   /* fill at which the consumer is woken whatever the idle flag says */
	__u32 entry_budget; /* entries of the memory for one cgroup */
	__u32 failed_entry_budget;
	__u32 lifecycle_ring_size; /* bytes */
	__u32 reserved;
};

/* Scope of streaming: value of the process map. */
#define SENSOR_SCOPE_SELF 0x1
#define SENSOR_SCOPE_DESCENDANTS 0x2 /* children inherit it */

_Static_assert(sizeof(struct sensor_key) == 32, "");
_Static_assert(sizeof(struct sensor_count) == 24, "");
_Static_assert(sizeof(struct sensor_header) == 80, "");
_Static_assert(offsetof(struct sensor_header, key) == 8, "");
_Static_assert(offsetof(struct sensor_header, time) == 40, "");
_Static_assert(offsetof(struct sensor_header, tgid) == 56, "");
_Static_assert(offsetof(struct sensor_header, result) == 64, "");
_Static_assert(offsetof(struct sensor_header, uid) == 72, "");
_Static_assert(sizeof(struct sensor_section) == 8, "");
_Static_assert(sizeof(struct sensor_credentials) == 112, "");
_Static_assert(offsetof(struct sensor_credentials, permitted) == 40, "");
_Static_assert(offsetof(struct sensor_credentials, groups) == 80, "");
_Static_assert(sizeof(struct sensor_namespaces) == 32, "");
_Static_assert(sizeof(struct sensor_exec) == 184, "");
_Static_assert(offsetof(struct sensor_exec, creator_tgid) == 36, "");
_Static_assert(sizeof(struct sensor_exit) == 16, "");
_Static_assert(sizeof(struct sensor_file) == 32, "");
_Static_assert(sizeof(struct sensor_network) == 88, "");
_Static_assert(sizeof(struct sensor_syscall) == 56, "");
_Static_assert(sizeof(struct sensor_identity) == 176, "");
_Static_assert(sizeof(struct sensor_cgroup) == 24, "");
_Static_assert(sizeof(struct sensor_loss_key) == 16, "");
_Static_assert(sizeof(struct sensor_uring_key) == 16, "");
_Static_assert(sizeof(struct sensor_workload) == 120, "");
_Static_assert(sizeof(struct sensor_calls) == 24, "");
_Static_assert(sizeof(struct sensor_attempt) == 16, "");
_Static_assert(sizeof(struct sensor_control) == 88, "");
_Static_assert(sizeof(struct sensor_config) == 40, "");

#endif
