/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS: who asked, taken down in process context before the question leaves, and the answers that arrive, in softirq. Answers over
 * TCP, TLS or HTTPS are not seen.
 */
#ifndef SENSOR_DNS_BPF_H
#define SENSOR_DNS_BPF_H

#include "network.bpf.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define DNS_PORT 53
#define DNS_HEADER 12 /* bytes: id, flags, four counts */
#define DNS_RESPONSE 0x80
#define DNS_TYPE_A 1
#define DNS_TYPE_AAAA 28
#define DNS_NAME_MAX 255
#define DNS_ANSWERS_MAX 32
#define PAYLOAD_AT (sizeof(struct sensor_network) + sizeof(struct sensor_section))

/* Takes an entry, within the cgroup's share. */
static __noinline bool own_datagram(__u64 cookie, struct datagram *datagram)
{
	struct sensor_workload *workload = workload_of(&datagram->owner.cgroup);

	datagram->account = datagram->owner.cgroup;
	if (workload && workload->datagrams >= DATAGRAMS_OF_CGROUP)
		return false;
	/* Another thread with the same socket may have been faster. */
	if (bpf_map_update_elem(&datagrams, &cookie, datagram, BPF_NOEXIST))
		return bpf_map_lookup_elem(&datagrams, &cookie);
	if (workload)
		add(&workload->datagrams, 1);
	return true;
}

/* Nobody has the socket any more. */
static __always_inline int on_released(struct bpf_sock *context)
{
	struct sensor_workload *workload;
	struct datagram *datagram;
	__u64 cookie, account;

	if (context->protocol != IPPROTO_UDP)
		return 1;
	cookie = bpf_get_socket_cookie(context);
	datagram = bpf_map_lookup_elem(&datagrams, &cookie);
	if (!datagram)
		return 1;
	account = datagram->account;
	if (bpf_map_delete_elem(&datagrams, &cookie))
		return 1;
	workload = bpf_map_lookup_elem(&workloads, &account);
	if (workload && workload->datagrams)
		add(&workload->datagrams, -1);
	return 1;
}

/*
 * A datagram socket is about to be connected, or to send to an address of its own; the address is the kernel's copy. Taken down of
 * what is not watched, too: else an answer would be credited to whoever had the socket before.
 */
static __always_inline int on_destination(struct bpf_sock_addr *context, __u16 family, bool sends)
{
	struct sensor_control *block = control_block();
	struct task_struct *task;
	struct datagram datagram = {};
	struct sensor_network network = {};
	struct datagram *before;
	__u64 cookie;

	if (context->protocol != IPPROTO_UDP || !block)
		return 1;
	task = current_task();
	cookie = bpf_get_socket_cookie(context);
	before = bpf_map_lookup_elem(&datagrams, &cookie);
	datagram.asks = context->user_port == bpf_htons(DNS_PORT) || (before && before->asks);
	/* Connected to whom nobody asks for names: the socket itself knows its peer. */
	if (!before && !sends && !datagram.asks)
		return 1;
	fill_owner(&datagram.owner, block, task);
	/* Who asks by a socket that is connected is not seen, nor which of two questions an answer is to. */
	if (!datagram.owner.calls)
		datagram.owner.calls = sends || !block->has_calls ? 0 : SENSOR_CALLS_UNCERTAIN;
	else if (!sends || (before && before->owner.calls != datagram.owner.calls))
		datagram.owner.calls |= SENSOR_CALLS_MADE;
	if (sends) {
		__u32 *peer = (__u32 *)network.peer;

		network.family = family;
		network.peer_port = bpf_ntohs(context->user_port);
		if (family == AF_INET) {
			peer[0] = context->user_ip4;
		} else {
			peer[0] = context->user_ip6[0];
			peer[1] = context->user_ip6[1];
			peer[2] = context->user_ip6[2];
			peer[3] = context->user_ip6[3];
			normalize(&network);
		}
		datagram.owner.family = network.family;
		datagram.owner.peer_port = network.peer_port;
		__builtin_memcpy(datagram.owner.peer, network.peer, sizeof(network.peer));
		datagram.sender = bpf_get_current_pid_tgid();
	}
	if (before) {
		datagram.account = before->account;
		bpf_map_update_elem(&datagrams, &cookie, &datagram, BPF_EXIST);
	} else if (!own_datagram(cookie, &datagram) && sends && datagram.asks &&
		   !is_unwatched(block, &datagram.owner.cgroup) &&
		   (!block->scope_only || datagram.owner.flags & OWNER_SCOPED)) {
		/* The answer to a socket that is connected is told all the same, without its process. */
		lose(datagram.owner.cgroup, family == AF_INET ? SENSOR_HOOK_SENDMSG4 : SENSOR_HOOK_SENDMSG6,
		     SENSOR_LOSS_SOCKET_TABLE, SENSOR_DNS_ANSWER);
	}
	return 1;
}

static __always_inline __u32 byte_at(struct scratch *scratch, __u32 offset)
{
	return scratch->bytes[masked(PAYLOAD_AT + offset)];
}

static __always_inline __u32 pair_at(struct scratch *scratch, __u32 offset)
{
	return byte_at(scratch, offset) << 8 | byte_at(scratch, offset + 1);
}

/*
 * The addresses among `answers` records from `at` on, in any order and without their times to live. From a name that is not compressed
 * on, which no known server sends, the bytes as they are.
 */
__noinline __u64 hash_records(__u32 at, __u32 length, __u32 answers)
{
	struct scratch *scratch = scratch_at(SCRATCH_SOFTIRQ);
	__u64 sum = 0;

	if (!scratch)
		return 0;
	for (__u32 i = 0; i < DNS_ANSWERS_MAX; i++) {
		__u32 type, size;

		if (i >= answers || at + 12 > length)
			break;
		if (byte_at(scratch, at) < 0xc0)
			return sum + hash_bytes(PAYLOAD_AT + at, length - at, SCRATCH_SOFTIRQ);
		type = pair_at(scratch, at + 2);
		size = pair_at(scratch, at + 10);
		at += 12;
		if (type == DNS_TYPE_A && at + 4 <= length)
			sum += finish(mix(type, *word_at(scratch, PAYLOAD_AT + at) & 0xffffffff));
		else if (type == DNS_TYPE_AAAA && at + 16 <= length)
			sum += finish(mix(mix(type, *word_at(scratch, PAYLOAD_AT + at)),
					  *word_at(scratch, PAYLOAD_AT + at + 8)));
		else
			sum += finish(mix(type, size));
		/* By way of memory: the verifier then sees each turn alike. */
		*(volatile __u32 *)&scratch->walk.at = at + size;
		at = *(volatile __u32 *)&scratch->walk.at;
	}
	return sum;
}

#define EACH_BYTE 0x0101010101010101ULL

/* The highest bit of the lowest byte of a word that is zero; bytes above it may have theirs, too. 0: none is. */
static __always_inline __u64 zero_bytes(__u64 word)
{
	return (word - EACH_BYTE) & ~word & (EACH_BYTE << 7);
}

/* Some resolvers play with upper and lower case. The length of a label is no letter. */
static __always_inline __u64 lower_case(__u64 word)
{
	__u64 seven = word & EACH_BYTE * 0x7f;
	__u64 from_a = seven + EACH_BYTE * (0x80 - 'A'), above_z = seven + EACH_BYTE * (0x7f - 'Z');

	return word | (~word & (from_a ^ above_z) & (EACH_BYTE << 7)) >> 2;
}

/* What makes two answers the same: the question, the outcome and the addresses. */
__noinline __u64 hash_answer(__u32 length)
{
	struct scratch *scratch = scratch_at(SCRATCH_SOFTIRQ);
	__u64 hash, word, end;
	__u32 at;

	if (!scratch)
		return 0;
	hash = config.seed ^ (byte_at(scratch, 3) & 15);
	/* A name that is cut ends with the message. */
	*word_at(scratch, PAYLOAD_AT + length) = 0;
	for (at = DNS_HEADER; at <= DNS_HEADER + DNS_NAME_MAX; at += 8) {
		word = *word_at(scratch, PAYLOAD_AT + at);
		end = zero_bytes(word);
		end &= -end;
		if (end) {
			/* Below the bit 8 n + 7 there are n bytes, which the product has in its highest one. */
			hash = mix(hash, lower_case(word & ((end >> 7) - 1)));
			at += (end >> 7) * 0x0001020304050607ULL >> 56;
			break;
		}
		hash = mix(hash, lower_case(word));
	}
	hash = mix(hash, pair_at(scratch, at + 1));
	return finish(mix(hash, hash_records(at + 5, length, pair_at(scratch, 6))));
}

/* Addresses and ports of a datagram that may be an answer. */
struct answer {
	struct sensor_network network;
	__u32 offset; /* of the DNS message in the packet */
	__u32 length;
};

/*
 * Anybody can send what looks like an answer; it counts only where it was asked for. A connected socket hears nobody but its peer, whose port
 * is a word in network order.
 */
static __always_inline bool has_asked(struct __sk_buff *packet, const struct datagram *datagram)
{
	return (datagram && datagram->asks) || packet->remote_port == bpf_htonl(DNS_PORT);
}

static __noinline void on_answer(struct __sk_buff *packet, const struct answer *answer)
{
	struct scratch *scratch = scratch_at(SCRATCH_SOFTIRQ);
	struct sensor_control *block = control_block();
	struct sensor_key key = {};
	__u64 cookie = bpf_get_socket_cookie(packet);
	struct datagram *datagram = bpf_map_lookup_elem(&datagrams, &cookie);
	struct sensor_network *network;
	__u32 length = answer->length;
	bool scoped = false;
	__u16 flags;

	if (!scratch || !block || !enabled(block, SENSOR_DNS_ANSWER) || !has_asked(packet, datagram))
		return;
	key.kind = SENSOR_DNS_ANSWER;
	key.hook = SENSOR_HOOK_SKB_INGRESS;
	scratch->header.start = 0;
	scratch->header.tgid = 0;
	scratch->header.tid = 0;
	fill_no_user(&scratch->header);
	if (datagram) {
		if (is_self(block, datagram->owner.tgid))
			return;
		key.cgroup = datagram->owner.cgroup;
		key.executable = datagram->owner.executable;
		key.calls = datagram->owner.calls;
		scratch->header.start = datagram->owner.start;
		scratch->header.tgid = datagram->owner.tgid;
		scratch->header.tid = datagram->owner.tid;
		scoped = datagram->owner.flags & OWNER_SCOPED;
	} else if (config.cgroup_subsystem < 0) {
		key.cgroup = bpf_skb_cgroup_id(packet);
	}
	scoped = streams(block, SENSOR_DNS_ANSWER) && (scoped || in_scope(block, scratch->header.tgid, key.cgroup));
	if (block->scope_only && !scoped)
		return;
	if (!scoped && is_unwatched(block, &key.cgroup))
		return;
	if (length < DNS_HEADER)
		return;
	if (length > SENSOR_PAYLOAD_MAX)
		length = SENSOR_PAYLOAD_MAX;
	if (bpf_skb_load_bytes(packet, answer->offset, &scratch->bytes[PAYLOAD_AT], length)) {
		lose(key.cgroup, key.hook, SENSOR_LOSS_UNREADABLE, key.kind);
		return;
	}
	if (!(byte_at(scratch, 2) & DNS_RESPONSE))
		return;
	key.object = hash_answer(length);
	flags = recall_scoped(&memory, &key, block, scoped, 0, answer->length);
	if (!flags)
		return;
	scratch->header.key = key;
	scratch->header.flags = flags;
	scratch->header.sections = 0;
	scratch->header.result = 0;
	scratch->header.time = bpf_ktime_get_boot_ns();
	network = (struct sensor_network *)scratch->bytes;
	*network = answer->network;
	network->received = answer->length;
	network->duration = datagram ? scratch->header.time - datagram->owner.since : 0;
	network->socket = cookie;
	if (answer->length > SENSOR_PAYLOAD_MAX)
		network->flags |= SENSOR_NETWORK_TRUNCATED;
	close_section(scratch, sizeof(*network), length, SENSOR_SECTION_PAYLOAD, 0);
	dispatch(scratch, block, false);
}

/* Every packet that reaches a socket comes by here: all but answers from port 53 leave after a few loads. */
static __always_inline int on_ingress(struct __sk_buff *packet)
{
	void *data = (void *)(long)packet->data, *end = (void *)(long)packet->data_end;
	struct answer answer = {};
	struct udphdr *udp;

	if (packet->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data;

		if (data + sizeof(*ip) + sizeof(*udp) > end || ip->protocol != IPPROTO_UDP || ip->version_ihl != 0x45)
			return 1;
		udp = data + sizeof(*ip);
		if (udp->source != bpf_htons(DNS_PORT))
			return 1;
		answer.network.family = AF_INET;
		__builtin_memcpy(answer.network.peer, &ip->saddr, 4);
		__builtin_memcpy(answer.network.local, &ip->daddr, 4);
		answer.offset = sizeof(*ip) + sizeof(*udp);
	} else if (packet->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = data;

		if (data + sizeof(*ip) + sizeof(*udp) > end || ip->nexthdr != IPPROTO_UDP)
			return 1;
		udp = data + sizeof(*ip);
		if (udp->source != bpf_htons(DNS_PORT))
			return 1;
		answer.network.family = AF_INET6;
		__builtin_memcpy(answer.network.peer, ip->saddr, 16);
		__builtin_memcpy(answer.network.local, ip->daddr, 16);
		answer.offset = sizeof(*ip) + sizeof(*udp);
	} else {
		return 1;
	}
	answer.network.protocol = IPPROTO_UDP;
	answer.network.type = SOCK_DGRAM;
	answer.network.direction = SENSOR_DIRECTION_INGRESS;
	answer.network.peer_port = DNS_PORT;
	answer.network.local_port = bpf_ntohs(udp->dest);
	if (packet->len < answer.offset)
		return 1;
	answer.length = packet->len - answer.offset;
	on_answer(packet, &answer);
	return 1;
}

#endif
