/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections: a state machine keyed by the socket. Who owns it is taken down when it is opened, in process context; how it went and what
 * it carried is read when it leaves a state, in whatever context that happens.
 */
#ifndef SENSOR_SOCKET_BPF_H
#define SENSOR_SOCKET_BPF_H

#include <bpf/bpf_endian.h>
#include "numbers.bpf.h"
#include "call.bpf.h"
#include "record.bpf.h"

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_PACKET 17
#define AF_ALG 38
#define AF_VSOCK 40
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7
#define SOCK_DONE 1 /* bit of skc_flags: the peer's FIN came */
#define ECONNABORTED 103
#define ECONNREFUSED 111
#define ETIMEDOUT 110
#define ECONNRESET 104

/* One cgroup's share of the socket table, so that its connections do not cost another's. */
#define SOCKETS 32768
#define SOCKETS_OF_CGROUP (SOCKETS / 2)

#define OWNER_SCOPED 0x1 /* its process was watched when it opened the socket; it may be gone when the socket closes */
#define OWNER_ESTABLISHED 0x2 /* the connect, or accept, was reported */
#define OWNER_RETURNED 0x4    /* connect() has returned: it will not be the one to hear of a failure */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SOCKETS);
	__type(key, __u64); /* struct sock */
	__type(value, struct owner);
} sockets SEC(".maps");

/*
 * Connects that failed in the state machine with an error that a connect may also have before it gets there. connect()'s own exit asks here
 * whether the attempt was told already. Rare, so that a connect that goes well costs nothing for it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64); /* struct sock */
	__type(value, __u8);
} settled SEC(".maps");

/* A record without sections, on the stack: what sees sockets may run in softirq between any two instructions of another program. */
struct network_record {
	struct sensor_header header;
	struct sensor_network network;
};

static __always_inline bool is_zero(const __u8 address[16])
{
	const __u64 *words = (const __u64 *)address;

	return !words[0] && !words[1];
}

/* An IPv4 address in IPv6 clothes (::ffff:a.b.c.d). */
static __always_inline bool is_mapped(const __u8 address[16])
{
	const __u64 *words = (const __u64 *)address;

	return !words[0] && (__u32)words[1] == bpf_htonl(0xffff);
}

static __always_inline void unmap(__u8 address[16])
{
	__u64 *words = (__u64 *)address;

	words[0] = words[1] >> 32;
	words[1] = 0;
}

static __always_inline void normalize(struct sensor_network *network)
{
	if (network->family != AF_INET6 || !is_mapped(network->peer))
		return;
	network->family = AF_INET;
	unmap(network->peer);
	if (is_mapped(network->local))
		unmap(network->local);
}

static __always_inline void fill_address(__u8 to[16], __u16 family, struct sock *sk, bool peer)
{
	if (family == AF_INET) {
		__be32 address = peer ? get(sk, __sk_common.skc_daddr) : get(sk, __sk_common.skc_rcv_saddr);

		__builtin_memcpy(to, &address, sizeof(address));
	} else if (family == AF_INET6) {
		if (peer)
			read_member(to, 16, sk, __sk_common.skc_v6_daddr);
		else
			read_member(to, 16, sk, __sk_common.skc_v6_rcv_saddr);
	}
}

/* What the socket itself knows. inet_sport outlives the unhashing that forgets skc_num. */
static __always_inline void fill_network(struct sensor_network *network, struct sock *sk)
{
	__u16 family = get(sk, __sk_common.skc_family), protocol = get(sk, sk_protocol);

	network->family = family;
	network->type = get(sk, sk_type);
	network->socket = finish(mix(config.seed, address_of(sk)));
	if (family != AF_INET && family != AF_INET6)
		return;
	if (protocol == IPPROTO_MPTCP) {
		protocol = IPPROTO_TCP;
		network->flags |= SENSOR_NETWORK_MPTCP;
	}
	network->protocol = protocol;
	if (network->type != SOCK_RAW) {
		network->local_port = bpf_ntohs(get(cast(inet_sock, sk), inet_sport));
		network->peer_port = bpf_ntohs(get(sk, __sk_common.skc_dport));
	}
	fill_address(network->local, family, sk, false);
	fill_address(network->peer, family, sk, true);
	normalize(network);
}

/* Where Linux begins by default to give out ports to those who do not ask for one. */
#define EPHEMERAL_FIRST 32768

/* Is it our port that says what this is about? For what comes in, and for a server's answers by datagram. */
static __always_inline bool is_served(const struct sensor_network *network, __u8 direction)
{
	if (direction == SENSOR_DIRECTION_INGRESS)
		return true;
	return network->protocol == IPPROTO_UDP && network->local_port && network->local_port < EPHEMERAL_FIRST &&
	       network->peer_port >= EPHEMERAL_FIRST;
}

/* What makes two uses of the network the same: the peer and its port; for what is served, our port and the peer's address. */
static __always_inline __u64 network_object(const struct sensor_network *network, __u8 direction)
{
	const __u64 *peer = (const __u64 *)network->peer;
	__u64 hash = mix(config.seed ^ network->family, ((__u64)network->protocol << 8) | network->type);

	hash = mix(hash, is_served(network, direction) ? (1 << 16) | network->local_port : network->peer_port);
	if (network->direction == SENSOR_DIRECTION_INGRESS && is_zero(network->peer)) /* a listener: its own address */
		peer = (const __u64 *)network->local;
	return finish(mix(mix(hash, peer[0]), peer[1]));
}

static __noinline void send_network(struct network_record *record, struct sensor_control *block)
{
	dispatch_record(&record->header, sizeof(*record), block, record->header.key.error != 0);
}

/* Recalls and sends what is complete but for its object and flags. `watched`: streamed whatever the scope says by now. */
static __always_inline void tell_network(struct network_record *record, struct sensor_control *block, bool watched)
{
	struct sensor_header *header = &record->header;
	bool scoped =
		streams(block, header->key.kind) && (watched || in_scope(block, header->tgid, header->key.cgroup));

	if (!scoped && is_unwatched(block, &header->key.cgroup))
		return;
	header->key.object = network_object(&record->network, record->network.direction);
	header->flags = header->key.error ? recall_scoped(&failures, &header->key, block, scoped, 0, 0)
					  : recall_scoped(&memory, &header->key, block, scoped, record->network.sent,
							  record->network.received);
	if (!header->flags)
		return;
	header->time = bpf_ktime_get_boot_ns();
	send_network(record, block);
}

static __always_inline void credit_owner(struct sensor_header *header, const struct owner *owner)
{
	header->key.cgroup = owner->cgroup;
	header->key.executable = owner->executable;
	header->key.hook = owner->hook;
	header->key.calls = owner->calls;
	header->start = owner->start;
	header->tgid = owner->tgid;
	header->tid = owner->tid;
	fill_no_user(header);
}

static __always_inline void credit_task(struct sensor_header *header, const struct sensor_control *block,
					struct task_struct *task)
{
	header->key.calls = calls_of(block, task);
	header->key.cgroup = cgroup_of(task);
	header->key.executable = executable_of(task);
	header->start = get(get(task, group_leader), start_boottime);
	header->tgid = get(task, tgid);
	header->tid = get(task, pid);
	fill_user(header, task);
}

static __always_inline void fill_owner(struct owner *owner, const struct sensor_control *block,
				       struct task_struct *task)
{
	owner->cgroup = cgroup_of(task);
	owner->calls = calls_of(block, task);
	owner->executable = executable_of(task);
	owner->start = get(get(task, group_leader), start_boottime);
	owner->since = bpf_ktime_get_boot_ns();
	owner->tgid = get(task, tgid);
	owner->tid = get(task, pid);
	owner->flags = block->stream && in_scope(block, owner->tgid, owner->cgroup) ? OWNER_SCOPED : 0;
}

/* The number of the syscall that the current thread is in; -1 unknown. */
static __always_inline long current_syscall(struct task_struct *task)
{
	struct pt_regs *regs;

#ifdef SENSOR_DIRECT
	(void)task;
	regs = cast(pt_regs, bpf_task_pt_regs(bpf_get_current_task_btf()));
#else
	void *stack = get(task, stack);

	regs = stack + 16384 - bpf_core_type_size(struct pt_regs);
#endif
#if defined(__TARGET_ARCH_x86)
	return get(regs, orig_ax);
#else
	return get(regs, syscallno);
#endif
}

/* io_uring works in threads of its own, or within its own syscall. */
static __always_inline bool is_in_uring(struct task_struct *task)
{
	return get(task, flags) & PF_IO_WORKER || current_syscall(task) == SYS_io_uring_enter;
}

static __always_inline void release_share(__u64 cgroup)
{
	struct sensor_workload *workload = bpf_map_lookup_elem(&workloads, &cgroup);

	if (workload && workload->sockets)
		add(&workload->sockets, -1);
}

/*
 * Takes an entry, within the cgroup's share. One that is left over from an earlier socket at the same address, whose end was missed, is
 * replaced.
 */
static __noinline bool own_socket(__u64 sk, const struct owner *owner, __u8 kind)
{
	struct sensor_workload *workload = workload_of(&owner->cgroup);
	struct owner *stale;
	__u64 cgroup;

	if (workload && workload->sockets >= SOCKETS_OF_CGROUP)
		goto full;
	if (bpf_map_update_elem(&sockets, &sk, owner, BPF_NOEXIST)) {
		stale = bpf_map_lookup_elem(&sockets, &sk);
		if (!stale)
			goto full;
		cgroup = stale->cgroup;
		if (bpf_map_update_elem(&sockets, &sk, owner, BPF_ANY))
			goto full;
		release_share(cgroup);
	}
	if (workload)
		add(&workload->sockets, 1);
	return true;
full:
	lose(owner->cgroup, owner->hook, SENSOR_LOSS_SOCKET_TABLE, kind);
	return false;
}

/* Whoever deletes the entry tells the end; nobody tells it twice. */
static __noinline bool disown_socket(__u64 sk, __u64 cgroup)
{
	if (bpf_map_delete_elem(&sockets, &sk))
		return false;
	release_share(cgroup);
	return true;
}

static __always_inline void own_peer(struct owner *owner, const struct sensor_network *network)
{
	owner->family = network->family;
	owner->peer_port = network->peer_port;
	__builtin_memcpy(owner->peer, network->peer, sizeof(owner->peer));
}

/* A connection is being opened, by the current task. */
static __noinline void on_opening(struct sensor_network *network, struct sock *sk)
{
	struct task_struct *task = current_task();
	struct sensor_control *block = control_block();
	struct owner owner = { .direction = SENSOR_DIRECTION_EGRESS, .hook = SENSOR_HOOK_SOCKET_STATE };

	if (!block || is_self(block, get(task, tgid)))
		return;
	if (!enabled(block, SENSOR_NETWORK_CONNECT) && !enabled(block, SENSOR_NETWORK_CLOSE))
		return;
	if (is_unwanted(block, task))
		return;
	fill_owner(&owner, block, task);
	if (is_in_uring(task))
		owner.hook = SENSOR_HOOK_URING_COMPLETE;
	__builtin_memset(network, 0, sizeof(*network));
	fill_network(network, sk);
	if (network->peer_port)
		own_peer(&owner, network);
	own_socket(address_of(sk), &owner, SENSOR_NETWORK_CONNECT);
}

static __always_inline void recall_peer(struct sensor_network *network, const struct owner *owner)
{
	if (!owner->family)
		return;
	network->family = owner->family;
	network->peer_port = owner->peer_port;
	__builtin_memcpy(network->peer, owner->peer, sizeof(network->peer));
	if (owner->family == AF_INET && is_mapped(network->local))
		unmap(network->local);
}

/*
 * Payload only. What is acknowledged counts SYN and FIN too; what was sent, less what went out twice, counts neither. Once
 * everything including the FIN is acknowledged the second is exact, before that the first is. bytes_received counts the
 * peer's FIN.
 */
static __always_inline void fill_bytes(struct sensor_network *network, struct sock *sk, __u16 protocol)
{
	bool finished = get(sk, __sk_common.skc_flags) & (1UL << SOCK_DONE);
	__u64 sent = 0, acknowledged = 0;

	if (protocol == IPPROTO_TCP) {
		struct tcp_sock *tcp = cast(tcp_sock, sk);

		sent = get(tcp, bytes_sent) - get(tcp, bytes_retrans);
		acknowledged = get(tcp, bytes_acked);
		if (network->direction == SENSOR_DIRECTION_EGRESS && acknowledged)
			acknowledged--;
		network->received = get(tcp, bytes_received);
		if (finished && network->received)
			network->received--;
	} else if (bpf_core_field_exists(struct mptcp_sock, bytes_acked)) {
		struct mptcp_sock *mptcp = cast(mptcp_sock, sk);

		sent = get(mptcp, bytes_sent) - get(mptcp, bytes_retrans);
		acknowledged = get(mptcp, bytes_acked);
		network->received = get(mptcp, bytes_received);
	}
	network->sent = acknowledged < sent ? acknowledged : sent;
}

/*
 * What follows builds its record where the caller says: on the stack for what may run in softirq, in the scratch buffer for a call's exit.
 * No function may need much of the stack itself: 5.10 counts 512 bytes for all calls together.
 */

/* The outcome of an attempt: it stands, or `error`. */
static __noinline void on_outcome(struct network_record *record, struct sock *sk, const struct owner *owner,
				  __u32 error)
{
	struct sensor_control *block = control_block();

	if (!block || !enabled(block, SENSOR_NETWORK_CONNECT))
		return;
	__builtin_memset(record, 0, sizeof(*record));
	credit_owner(&record->header, owner);
	record->header.key.kind = SENSOR_NETWORK_CONNECT;
	record->header.key.error = error;
	record->header.result = -(__s64)error;
	fill_network(&record->network, sk);
	recall_peer(&record->network, owner);
	record->network.direction = SENSOR_DIRECTION_EGRESS;
	record->network.duration = bpf_ktime_get_boot_ns() - owner->since;
	tell_network(record, block, owner->flags & OWNER_SCOPED);
}

/* A connection that stood is gone. */
static __noinline void on_closed(struct network_record *record, struct sock *sk, const struct owner *owner)
{
	struct sensor_control *block = control_block();

	if (!block || !enabled(block, SENSOR_NETWORK_CLOSE))
		return;
	__builtin_memset(record, 0, sizeof(*record));
	credit_owner(&record->header, owner);
	record->header.key.kind = SENSOR_NETWORK_CLOSE;
	fill_network(&record->network, sk);
	recall_peer(&record->network, owner);
	record->network.direction = owner->direction;
	fill_bytes(&record->network, sk, get(sk, sk_protocol));
	record->network.duration = bpf_ktime_get_boot_ns() - owner->since;
	tell_network(record, block, owner->flags & OWNER_SCOPED);
}

/* An error that connect() never has before it reaches the state machine. */
static __always_inline bool is_late_error(__u32 error)
{
	return error == ECONNREFUSED || error == ETIMEDOUT || error == ECONNRESET || error == ECONNABORTED;
}

/*
 * The attempt failed. Without an error of the socket it was ended from this side: within connect() itself (no free port), and then connect()'s
 * exit knows the error, or by closing it.
 */
static __noinline void on_failed(struct network_record *record, struct sock *sk, const struct owner *owner)
{
	struct task_struct *task = current_task();
	__u64 key = address_of(sk);
	__u32 error = get(sk, sk_err);
	__u8 told = 1;

	if (!error) {
		if ((__u32)get(task, pid) == owner->tid && (is_in_uring(task) || current_syscall(task) == SYS_connect))
			return;
		error = ECONNABORTED;
	} else if (!(owner->flags & OWNER_RETURNED) &&
		   (!is_late_error(error) || get(sk, sk_protocol) == IPPROTO_MPTCP)) {
		bpf_map_update_elem(&settled, &key, &told, BPF_ANY);
	}
	on_outcome(record, sk, owner, error);
}

static __always_inline void on_socket_state(struct sock *sk, int old, int new)
{
	__u64 key = address_of(sk);
	struct network_record record;
	struct owner *found, owner;
	__u16 protocol;

	if (new != TCP_ESTABLISHED &&new != TCP_CLOSE &&new != TCP_SYN_SENT)
		return;
	protocol = get(sk, sk_protocol);
	if (protocol == IPPROTO_TCP) {
		/* One path of an MPTCP connection, which is reported as a whole. */
		if (bpf_core_field_exists(struct tcp_sock, is_mptcp) && get(cast(tcp_sock, sk), is_mptcp))
			return;
	} else if (protocol != IPPROTO_MPTCP) {
		return;
	}
	if (old == TCP_CLOSE && (new == TCP_SYN_SENT || (new == TCP_ESTABLISHED &&protocol == IPPROTO_MPTCP)))
		on_opening(&record.network, sk);
	/* A connection that comes in has no owner before it is accepted. */
	if (new == TCP_SYN_SENT || (new == TCP_ESTABLISHED && !get(sk, sk_socket)))
		return;
	found = bpf_map_lookup_elem(&sockets, &key);
	if (!found)
		return;
	owner = *found;
	if (new == TCP_ESTABLISHED) {
		if (owner.flags & OWNER_ESTABLISHED)
			return;
		found->flags |= OWNER_ESTABLISHED;
		on_outcome(&record, sk, &owner, 0);
	} else if (disown_socket(key, owner.cgroup)) {
		if (owner.flags & OWNER_ESTABLISHED)
			on_closed(&record, sk, &owner);
		else
			on_failed(&record, sk, &owner);
	}
}

#endif
