/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a process does with sockets, read at the end of the call: the kernel's own addresses where it has them. */
#ifndef SENSOR_NETWORK_BPF_H
#define SENSOR_NETWORK_BPF_H

#include "syscall.bpf.h"
#include "socket.bpf.h"

#define SOCK_SEQPACKET 5
#define EINTR 4
#define EAGAIN 11
#define EISCONN 106
#define EALREADY 114
#define UNIX_NAME_MAX 108
#define MESSAGES_MAX 32

/* One cgroup's share of the table, so that its sockets do not cost another's. */
#define DATAGRAMS 8192
#define DATAGRAMS_OF_CGROUP (DATAGRAMS / 4)

/* Who last used a datagram socket, and the destination that the kernel took from the message, by the socket's cookie. */
struct datagram {
	struct owner owner; /* peer: the last destination, family 0 when there was none */
	__u64 sender;       /* thread that the destination is of */
	__u64 asks;         /* 1: a name server, by its port, was among the destinations */
	__u64 account;      /* cgroup in whose share it is */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DATAGRAMS);
	__type(key, __u64);
	__type(value, struct datagram);
} datagrams SEC(".maps");

/* The socket behind a file, NULL if there is none. Nearly every write() ends here. */
static __always_inline struct sock *socket_of(struct file *file)
{
	if (!file || (get(get(file, f_inode), i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	return cast(sock, get(cast(socket, get(file, private_data)), sk));
}

/* The caller's address, for what the kernel did not keep. */
static __always_inline void fill_from_caller(struct sensor_network *network, const struct socket_use *use)
{
	struct {
		__u16 family;
		__be16 port;
		__u8 rest[20]; /* sockaddr_in: address; sockaddr_in6: flow, address; sockaddr_vm: port, cid */
	} caller = {};
	__u64 address = use->address;

	if (!address || use->length < 12 || bpf_probe_read_user(&caller, 12, (void *)address))
		return;
	if (caller.family == AF_INET) {
		network->family = AF_INET;
		network->peer_port = bpf_ntohs(caller.port);
		__builtin_memcpy(network->peer, caller.rest, 4);
	} else if (caller.family == AF_INET6) {
		if (use->length < 24 || bpf_probe_read_user(&caller, 24, (void *)address))
			return;
		network->peer_port = bpf_ntohs(caller.port);
		__builtin_memcpy(network->peer, &caller.rest[4], 16);
		normalize(network);
	} else if (caller.family == AF_VSOCK) {
		__builtin_memcpy(network->peer, &caller.rest[4], 4);
		__builtin_memcpy(network->peer + 4, caller.rest, 4);
	}
}

static __always_inline struct datagram *datagram_of(struct sock *sk)
{
	__u64 cookie = get(sk, __sk_common.skc_cookie.counter);

	return cookie ? bpf_map_lookup_elem(&datagrams, &cookie) : NULL;
}

static __always_inline void fill_head(struct sensor_header *header, const struct sensor_control *block,
				      struct task_struct *task, const struct socket_use *use)
{
	credit_task(header, block, task);
	header->key.kind = use->kind;
	header->key.hook = use->hook;
	header->key.error = use->result < 0 ? -use->result : 0;
	header->result = use->result;
}

/* Everything but Unix sockets: no sections. */
static __noinline void tell_use(struct sensor_control *block, const struct socket_use *use, __u8 direction)
{
	struct sock *sk = cast(sock, use->sk);
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct sensor_network *network;
	struct network_record *record;

	if (!scratch)
		return;
	record = (struct network_record *)&scratch->header;
	__builtin_memset(record, 0, sizeof(*record));
	fill_head(&record->header, block, current_task(), use);
	network = &record->network;
	fill_network(network, sk);
	network->direction = direction;
	if (use->kind == SENSOR_NETWORK_SEND && use->address) {
		struct datagram *last = use->is_earlier ? NULL : datagram_of(sk);

		if (last && last->owner.family && last->sender == bpf_get_current_pid_tgid())
			recall_peer(network, &last->owner);
		else
			fill_from_caller(network, use);
	} else if (direction == SENSOR_DIRECTION_EGRESS && (is_zero(network->peer) || !network->peer_port)) {
		/* An attempt that failed may leave the address without the port. */
		fill_from_caller(network, use);
	}
	if (use->kind == SENSOR_NETWORK_SEND && use->result > 0)
		network->sent = use->result;
	if (enabled(block, use->kind))
		tell_network(record, block, false);
}

/*
 * Stages a Unix address: a path without its NUL, or an abstract name, which begins with one and has a length of its own. Returns
 * its length, 0 for none, -1 after a read fault.
 */
__noinline int stage_unix_name(__u64 address, __u32 length, __u32 from_user)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	__u8 first = 0;
	__u32 at;
	long read;

	if (!scratch || scratch->length > SECTION_START_MAX)
		return -1;
	at = (scratch->length + sizeof(struct sensor_section)) & RECORD_MASK;
	if (!length)
		return 0;
	if (length > UNIX_NAME_MAX)
		length = UNIX_NAME_MAX;
	read = from_user ? bpf_probe_read_user(&first, 1, (void *)address)
			 : bpf_probe_read_kernel(&first, 1, (void *)address);
	if (read)
		return -1;
	if (first) {
		length = length < UNIX_NAME_MAX ? length + 1 : UNIX_NAME_MAX;
		/* The compiler compares one copy of the length and uses another, which 5.10 then takes for unbounded. */
		barrier_var(length);
		length &= 127;
		read = from_user ? bpf_probe_read_user_str(&scratch->bytes[at], length, (void *)address)
				 : bpf_probe_read_kernel_str(&scratch->bytes[at], length, (void *)address);
		return read <= 0 ? -1 : read - 1;
	}
	barrier_var(length);
	length &= 127;
	read = from_user ? bpf_probe_read_user(&scratch->bytes[at], length, (void *)address)
			 : bpf_probe_read_kernel(&scratch->bytes[at], length, (void *)address);
	return read ? -1 : (int)length;
}

/*
 * A Unix socket, connected to, sent to, listened on or accepted from. `named` has the name that matters: the peer of a connection,
 * our own of a listener; the caller's string only where the kernel has neither file nor name.
 */
static __noinline void tell_unix(struct sensor_control *block, const struct socket_use *use, __u64 named)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct task_struct *task = current_task();
	struct unix_sock *bound = cast(unix_sock, named);
	bool failed = use->result < 0;
	struct sensor_network *network;
	struct dentry *dentry = NULL;
	struct sensor_key *key;
	int length = -1;
	__u16 flags;
	__u32 at;

	if (!scratch)
		return;
	__builtin_memset(&scratch->header.key, 0, sizeof(scratch->header.key));
	fill_head(&scratch->header, block, task, use);
	begin(scratch, task, 0, use->result);
	network = body(scratch, sensor_network);
	network->family = AF_UNIX;
	network->type = get(cast(sock, use->sk), sk_type);
	network->socket = finish(mix(config.seed, use->sk));
	network->direction = use->kind == SENSOR_NETWORK_LISTEN || use->kind == SENSOR_NETWORK_ACCEPT
				     ? SENSOR_DIRECTION_INGRESS
				     : SENSOR_DIRECTION_EGRESS;
	if (use->kind == SENSOR_NETWORK_SEND && !failed)
		network->sent = use->result;
	key = &scratch->header.key;
	key->object = mix(config.seed ^ AF_UNIX, network->type);
	at = scratch->length + sizeof(struct sensor_section);
	if (named)
		dentry = get(bound, path.dentry);
	if (dentry) {
		struct inode *inode = get(dentry, d_inode);

		network->inode = get(inode, i_ino);
		network->device = get(get(inode, i_sb), s_dev);
		key->object = mix(file_object(&bound->path, inode, AF_UNIX), network->type);
	} else {
		struct unix_address *address = named ? get(bound, addr) : NULL;

		if (address)
			length = stage_unix_name(address_of(address) +
							 bpf_core_field_offset(struct unix_address, name) + 2,
						 get(address, len) - 2, 0);
		else if (use->address && use->length > 2)
			length = stage_unix_name(use->address + 2, use->length - 2, 1);
		else
			length = 0;
		if (length < 0)
			lose_of(scratch, SENSOR_LOSS_READ_FAULT);
		else
			key->object = mix(key->object, hash_bytes(at, length, SCRATCH_PROCESS));
		if (length > 0 && scratch->bytes[masked(at)])
			key->object = mix_start(key->object, AT_FDCWD, is_relative(scratch, at));
	}
	key->object = finish(key->object);
	flags = failed ? recall(&failures, key, block, get(task, tgid), 0, 0)
		       : recall(&memory, key, block, get(task, tgid), network->sent, 0);
	if (!flags)
		return;
	scratch->header.flags = flags;
	if (dentry) {
		append_path_of(task, scratch, &bound->path, SENSOR_SECTION_PATH);
	} else if (length > 0) {
		close_section(scratch, scratch->length, length & 127, SENSOR_SECTION_ARGUMENT, 0);
		if (scratch->bytes[masked(at)] && is_relative(scratch, at))
			append_path_of(task, scratch, &get(task, fs)->pwd, SENSOR_SECTION_BASE);
	}
	dispatch(scratch, block, failed);
}

static __always_inline __u64 unix_peer(__u64 sk)
{
	return address_of(get(cast(unix_sock, sk), peer));
}

/* Did the state machine tell of this attempt, or will it? Only connect()'s own early ends are left, and those it left to us. */
static __noinline bool is_told_by_state(struct socket_use *use)
{
	struct sock *sk = cast(sock, use->sk);
	__u16 protocol = get(sk, sk_protocol);
	__u32 error = -use->result;
	__u64 key = use->sk;

	if (use->result >= 0 || error == EALREADY || error == EISCONN || error == EINTR)
		return true;
	if (error == EINPROGRESS) {
		struct owner *owner = bpf_map_lookup_elem(&sockets, &key);

		if (owner)
			owner->flags |= OWNER_RETURNED;
		/* A refusal that an MPTCP socket hears within connect() changes its state before its error is set. */
		if (protocol != IPPROTO_MPTCP || get(sk, __sk_common.skc_state) != TCP_CLOSE || !get(sk, sk_err)) {
			/* Failed by now: nobody asks again, unless for another attempt. */
			if (!owner)
				bpf_map_delete_elem(&settled, &key);
			return true;
		}
		use->result = -(__s64)get(sk, sk_err);
	} else if (protocol == IPPROTO_TCP && is_late_error(error)) {
		return true;
	}
	return bpf_map_delete_elem(&settled, &key) == 0;
}

static __always_inline void on_attempt(struct sensor_control *block, struct socket_use *use)
{
	struct sock *sk = cast(sock, use->sk);
	__u16 family = get(sk, __sk_common.skc_family), protocol = get(sk, sk_protocol);

	if (!enabled(block, SENSOR_NETWORK_CONNECT))
		return;
	if (family == AF_UNIX)
		return tell_unix(block, use, use->result < 0 ? 0 : unix_peer(use->sk));
	if (family == AF_NETLINK || family == AF_ALG)
		return;
	if (family == AF_INET || family == AF_INET6) {
		if ((protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP) && is_told_by_state(use))
			return;
		/* An address of AF_UNSPEC dissolves a connection. */
		if (protocol == IPPROTO_UDP && use->result == 0 && !get(sk, __sk_common.skc_dport))
			return;
	}
	tell_use(block, use, SENSOR_DIRECTION_EGRESS);
}

static __always_inline void on_listening(struct sensor_control *block, struct socket_use *use)
{
	if (get(cast(sock, use->sk), __sk_common.skc_family) == AF_UNIX)
		tell_unix(block, use, use->sk);
	else
		tell_use(block, use, SENSOR_DIRECTION_INGRESS);
}

/*
 * An accepted connection, whose record is in the scratch buffer. It may be closed already, by a reset: nobody else tells of its end
 * then.
 */
static __always_inline void own_accepted(struct scratch *scratch, struct sensor_control *block, struct sock *sk)
{
	struct network_record *record = (struct network_record *)&scratch->header;
	struct owner *owner = &scratch->owner;
	__u64 key = address_of(sk);

	owner->cgroup = record->header.key.cgroup;
	owner->executable = record->header.key.executable;
	owner->calls = record->header.key.calls;
	owner->start = record->header.start;
	owner->tgid = record->header.tgid;
	owner->tid = record->header.tid;
	owner->since = bpf_ktime_get_boot_ns();
	owner->direction = SENSOR_DIRECTION_INGRESS;
	owner->hook = SENSOR_HOOK_SOCKET_STATE;
	owner->flags = OWNER_ESTABLISHED;
	if (block->stream && in_scope(block, owner->tgid, owner->cgroup))
		owner->flags |= OWNER_SCOPED;
	own_peer(owner, &record->network);
	if (own_socket(key, owner, SENSOR_NETWORK_ACCEPT) && get(sk, __sk_common.skc_state) == TCP_CLOSE &&
	    disown_socket(key, owner->cgroup))
		on_closed(record, sk, owner);
}

static __always_inline void on_accepted(struct scratch *scratch, struct sensor_control *block, struct socket_use *use)
{
	struct sock *sk = cast(sock, use->sk);
	__u16 protocol = get(sk, sk_protocol);

	if (get(sk, __sk_common.skc_family) == AF_UNIX) {
		if (enabled(block, SENSOR_NETWORK_ACCEPT))
			tell_unix(block, use, use->sk);
		return;
	}
	tell_use(block, use, SENSOR_DIRECTION_INGRESS);
	if (enabled(block, SENSOR_NETWORK_CLOSE) && (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP))
		own_accepted(scratch, block, sk);
}

/* One datagram. What a stream carries is told when it closes. */
static __always_inline void on_message(struct sensor_control *block, struct socket_use *use)
{
	struct sock *sk = cast(sock, use->sk);
	__u16 family = get(sk, __sk_common.skc_family);

	if (use->result == -EAGAIN || use->result == -EINTR)
		return;
	if (family == AF_UNIX)
		tell_unix(block, use, use->address ? 0 : unix_peer(use->sk));
	else if (family == AF_INET || family == AF_INET6 || family == AF_PACKET || family == AF_VSOCK)
		tell_use(block, use, SENSOR_DIRECTION_EGRESS);
}

/*
 * Looks at scratch->use. A global function is verified once, however often and from wherever it is called; it takes scalars only,
 * so what it works on is in the scratch buffer.
 */
__noinline int observe_socket(void)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct sensor_control *block = control_block();
	struct socket_use *use;

	if (!scratch || !block)
		return 0;
	use = &scratch->use;
	if (use->kind == SENSOR_NETWORK_SEND)
		on_message(block, use);
	else if (use->kind == SENSOR_NETWORK_CONNECT)
		on_attempt(block, use);
	else if (use->kind == SENSOR_NETWORK_ACCEPT)
		on_accepted(scratch, block, use);
	else if (use->kind == SENSOR_NETWORK_LISTEN)
		on_listening(block, use);
	return 0;
}

static __always_inline void observe_use(const struct socket_use *use)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);

	if (!use->sk || !scratch)
		return;
	scratch->use = *use;
	observe_socket();
}

/* A call on a descriptor that may be a socket. */
static __always_inline void observe(struct sock *sk, __u8 kind, __u64 address, __u32 length, __s64 result, __u8 hook)
{
	struct socket_use use = {
		.sk = (__u64)sk, .address = address, .result = result, .length = length, .kind = kind, .hook = hook
	};

	observe_use(&use);
}

static __always_inline void on_connect(struct task_struct *task, struct pt_regs *regs, __s64 result)
{
	struct sock *sk = socket_of(file_at(task, argument0(regs)));

	/* The rule, and the state machine's: a TCP connection that stands. */
	if (!sk || (result >= 0 && get(sk, sk_protocol) == IPPROTO_TCP))
		return;
	observe(sk, SENSOR_NETWORK_CONNECT, argument1(regs), argument2(regs), result, SENSOR_HOOK_SYS_EXIT);
}

static __always_inline void on_listen(struct task_struct *task, struct sensor_control *block, struct pt_regs *regs,
				      __s64 result)
{
	if (enabled(block, SENSOR_NETWORK_LISTEN))
		observe(socket_of(file_at(task, argument0(regs))), SENSOR_NETWORK_LISTEN, 0, 0, result,
			SENSOR_HOOK_SYS_EXIT);
}

/* A bind to a path makes a file, which the socket then holds: no other file has to be looked for. */
static __noinline void on_socket_file(struct sensor_control *block, struct sock *sk, __u64 address, __u32 length)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct unix_sock *bound = cast(unix_sock, sk);
	struct task_struct *task = current_task();
	struct dentry *dentry = get(bound, path.dentry);
	const __u32 access = SENSOR_ACCESS_CREATE | SENSOR_ACCESS_NODE;
	struct sensor_key *key;
	struct inode *inode;
	int staged;

	/* An abstract name, or one that the kernel gave. */
	if (!scratch || !dentry)
		return;
	inode = get(dentry, d_inode);
	key = &scratch->header.key;
	file_key(key, block, task, SENSOR_FILE_CREATE, SENSOR_HOOK_SYS_EXIT, 0);
	key->object = file_object(&bound->path, inode, access);
	scratch->sight.flags = 0;
	scratch->sight.staged = -1;
	if (get(get(task, files), count.counter) > 1 || in_filter_mode(task)) {
		/* The descriptor may lead to a socket that was bound before: compared with the name that was asked for. */
		scratch->length = sizeof(struct sensor_file);
		staged = length > 2 ? stage_unix_name(address + 2, length - 2, 1) : 0;
		if (staged > 0) {
			scratch->sight.flags = SENSOR_FILE_COMPARE;
			if (get(get(task, files), count.counter) > 1)
				scratch->sight.flags |= SENSOR_FILE_SHARED_TABLE;
			scratch->sight.staged = staged;
			scratch->sight.directory = AT_FDCWD;
			key->object = finish(mix(key->object, hash_bytes(STAGED_AT, staged, SCRATCH_PROCESS)));
		}
	}
	scratch->sight.record = recall(&memory, key, block, get(task, tgid), 0, 0);
	if (!scratch->sight.record)
		return;
	scratch->sight.path = (__u64)&bound->path;
	scratch->sight.inode = (__u64)inode;
	scratch->sight.result = 0;
	scratch->sight.descriptor = -1;
	scratch->sight.access = access;
	send_file(scratch, block);
}

/* One that failed left nothing but the name; an abstract one begins with NUL, and that which the kernel is to choose has no bytes. */
static __noinline void on_no_socket_file(__u64 address, __u32 length, __s64 result)
{
	struct naming naming = {
		.name = address + 2,
		.result = result,
		.directory = AT_FDCWD,
		.access = SENSOR_ACCESS_CREATE | SENSOR_ACCESS_NODE,
		.kind = SENSOR_FILE_CREATE,
		.limit = length - 2,
	};
	struct {
		__u16 family;
		char first;
	} name = {};

	if (length <= 2 || length > 2 + UNIX_NAME_MAX || bpf_probe_read_user(&name, 3, (void *)address) ||
	    name.family != AF_UNIX || !name.first)
		return;
	on_name(&naming);
}

static __always_inline void on_bind(struct task_struct *task, struct sensor_control *block, struct pt_regs *regs,
				    __s64 result)
{
	struct sock *sk;

	if (!enabled(block, SENSOR_FILE_CREATE))
		return;
	sk = socket_of(file_at(task, argument0(regs)));
	if (!sk || get(sk, __sk_common.skc_family) != AF_UNIX)
		return;
	if (result < 0)
		on_no_socket_file(argument1(regs), argument2(regs), result);
	else
		on_socket_file(block, sk, argument1(regs), argument2(regs));
}

static __always_inline void on_accept(struct task_struct *task, __s64 result)
{
	if (result >= 0)
		observe(socket_of(file_at(task, result)), SENSOR_NETWORK_ACCEPT, 0, 0, result, SENSOR_HOOK_SYS_EXIT);
}

/* struct msghdr of the 64-bit uapi begins with the address and its length. */
struct message_name {
	__u64 address;
	__u32 length;
	__u32 reserved;
};

/*
 * The message at `message` that the caller handed over, one of several that went by the socket of scratch->use: 0, or 1 if it cannot be
 * read any more. A function that the verifier goes through once, which takes no pointers.
 */
__noinline int observe_message(__u64 message, __u32 is_earlier)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct message_name name;
	__u32 sent;

	if (!scratch)
		return 1;
	if (bpf_probe_read_user(&name, sizeof(name), (void *)message) ||
	    bpf_probe_read_user(&sent, sizeof(sent), (void *)(message + 56))) {
		lose(cgroup_of(current_task()), SENSOR_HOOK_SYS_EXIT, SENSOR_LOSS_UNREADABLE, SENSOR_NETWORK_SEND);
		return 1;
	}
	struct socket_use use = {
		.sk = scratch->use.sk,
		.address = name.address,
		.length = name.length,
		.result = sent,
		.kind = SENSOR_NETWORK_SEND,
		.hook = SENSOR_HOOK_SYS_EXIT,
		.is_earlier = is_earlier,
	};

	observe_use(&use);
	return 0;
}

/*
 * `count` of the messages that the caller handed over. What the hook knows is where the last went that the kernel looked at, be it one
 * that then failed; of the others there is only the caller's address.
 */
static __noinline void on_messages(struct sock *sk, __u64 messages, __s64 count, __u64 handed_over)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);

	if (!scratch)
		return;
	scratch->use.sk = (__u64)sk;
	for (__u32 i = 0; i < MESSAGES_MAX; i++) {
		if (i >= count)
			return;
		/* struct mmsghdr: a msghdr of 56 bytes, the bytes sent */
		if (observe_message(messages + i * 64, i + 1 != handed_over))
			return;
	}
	if (count > MESSAGES_MAX)
		lose(cgroup_of(current_task()), SENSOR_HOOK_SYS_EXIT, SENSOR_LOSS_SENT_TOO_MANY, SENSOR_NETWORK_SEND);
}

static __always_inline void on_send(struct task_struct *task, struct sensor_control *block, struct pt_regs *regs,
				    __u32 number, __s64 result)
{
	struct sock *sk = socket_of(file_at(task, number == SYS_splice ? argument2(regs) : argument0(regs)));
	struct message_name name = {};
	__u16 type;

	if (!sk)
		return;
	type = get(sk, sk_type);
	if (type == SOCK_STREAM || type == SOCK_SEQPACKET || !enabled(block, SENSOR_NETWORK_SEND))
		return;
	if (number == SYS_sendmmsg && result > 0)
		return on_messages(sk, argument1(regs), result, argument2(regs));
	if (number == SYS_sendto) {
		name.address = argument4(regs);
		name.length = argument5(regs);
	} else if (number == SYS_sendmsg || number == SYS_sendmmsg) {
		bpf_probe_read_user(&name, sizeof(name), (void *)argument1(regs));
	}
	observe(sk, SENSOR_NETWORK_SEND, name.address, name.length, result, SENSOR_HOOK_SYS_EXIT);
}

#endif
