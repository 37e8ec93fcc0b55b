/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From an observation to a record in a ring: in-kernel memory, budgets, scope, wake-ups, sections. */
#ifndef SENSOR_RECORD_BPF_H
#define SENSOR_RECORD_BPF_H

#include "core.bpf.h"

static __always_inline bool enabled(const struct sensor_control *block, __u8 kind)
{
	return (block->enabled_kinds >> (kind & 63)) & 1;
}

static __always_inline bool in_scope(const struct sensor_control *block, __u32 tgid, __u64 cgroup)
{
	if (block->stream == SENSOR_STREAM_NONE)
		return false;
	if (block->stream == SENSOR_STREAM_ALL && !(block->unstreamed && bpf_map_lookup_elem(&unstreamed, &cgroup)))
		return true;
	return bpf_map_lookup_elem(&scope_processes, &tgid) || bpf_map_lookup_elem(&scope_cgroups, &cgroup);
}

/* Is the cgroup's workload one that nobody selected? Where all are watched that costs one load. */
static __always_inline bool is_unwatched(const struct sensor_control *block, const __u64 *cgroup)
{
	return block->unwatched && bpf_map_lookup_elem(&unwatched, cgroup);
}

/* Does nobody want to know what the task does? Its workload is not watched, and no tail asks for it. */
static __always_inline bool is_unwanted(const struct sensor_control *block, struct task_struct *task)
{
	__u64 cgroup;

	if (!block->unwatched)
		return false;
	cgroup = cgroup_of(task);
	return bpf_map_lookup_elem(&unwatched, &cgroup) && !(block->stream && in_scope(block, get(task, tgid), cgroup));
}

/* Not on the stack, of which 5.10 has 512 bytes for all calls together. */
static const struct sensor_workload no_workload;
static const struct sensor_count no_count;

static __noinline struct sensor_workload *new_workload(__u64 cgroup)
{
	bpf_map_update_elem(&workloads, &cgroup, &no_workload, BPF_NOEXIST);
	return bpf_map_lookup_elem(&workloads, &cgroup);
}

static __always_inline struct sensor_workload *workload_of(const __u64 *cgroup)
{
	struct sensor_workload *workload = bpf_map_lookup_elem(&workloads, cgroup);

	return workload ? workload : new_workload(*cgroup);
}

/*
 * Up to half of the ring is free for all. Above that each cgroup has a budget for one pass of the consumer, which gets smaller
 * as the ring fills: a flood is throttled while there is still room for everybody else's events.
 */
__noinline int within_ring_budget(__u64 cgroup, __u64 drain, __u64 fill, __u32 size, __u32 of_lifecycle)
{
	/* Not workload_of(): one call less on 5.10's 512 bytes of stack. Who floods has an entry already. */
	struct sensor_workload *workload = bpf_map_lookup_elem(&workloads, &cgroup);
	__u64 ring = of_lifecycle ? config.lifecycle_ring_size : config.ring_size, budget = config.ring_budget;
	__u64 *used;

	if (fill <= ring / 2)
		return true;
	if (!workload)
		return fill < ring - ring / 4;
	if (of_lifecycle && budget > ring / 8)
		budget = ring / 8;
	if (fill > ring - ring / 8)
		budget /= 16;
	else if (fill > ring - ring / 4)
		budget /= 4;
	if (workload->drain != drain) {
		workload->drain = drain;
		workload->ring_bytes = 0;
		workload->lifecycle_bytes = 0;
	}
	used = of_lifecycle ? &workload->lifecycle_bytes : &workload->ring_bytes;
	if (*used + size > budget)
		return false;
	add(used, size);
	return true;
}

/* Wakes the consumer only if it sleeps or if a further wake_bytes have gathered. */
static __always_inline __u64 wakeup(struct sensor_control *block, __u64 fill, __u32 size)
{
	__u64 mask = -(__u64)config.wake_bytes;

	if (block->idle) {
		block->idle = 0;
		return BPF_RB_FORCE_WAKEUP;
	}
	return (fill & mask) != ((fill + size) & mask) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* A record that is only a tail's copy costs the workload nothing when it is lost: the event itself is counted. */
static __always_inline __u8 loss_of(const struct sensor_header *head, __u8 reason)
{
	return head->flags & SENSOR_FIRST_SEEN ? reason : SENSOR_LOSS_STREAM;
}

/* The dead man's switch: here, since whoever comes here knows the time. A machine on which nothing is told costs nothing. */
static __always_inline void look_for_daemon(struct sensor_control *block, __u64 now)
{
	if (block->deadline && now > block->deadline)
		block->quiet = 1;
}

#define submit_to(ring, half, of_lifecycle, record, size_, block, head)                                   \
	({                                                                                                \
		__u64 __fill = bpf_ringbuf_query(&(ring), BPF_RB_AVAIL_DATA);                             \
		__u8 __reason = 0;                                                                        \
		look_for_daemon(block, (head)->time);                                                     \
		if (__fill > (half) &&                                                                    \
		    !within_ring_budget((head)->key.cgroup, (block)->drain, __fill, size_, of_lifecycle)) \
			__reason = loss_of(head, SENSOR_LOSS_RING_BUDGET);                                \
		else if (bpf_ringbuf_output(&(ring), record, size_, wakeup(block, __fill, size_)))        \
			__reason = loss_of(head, SENSOR_LOSS_RING_FULL);                                  \
		if (__reason)                                                                             \
			lose((head)->key.cgroup, (head)->key.hook, __reason, (head)->key.kind);           \
		!__reason;                                                                                \
	})

#define submit(record, size, block, head) submit_to(activity, config.ring_size / 2, 0, record, size, block, head)

/*
 * The memory's answer to an observation: 0, nothing to send (it is counted); else the flags of the record to send.
 * A repeat costs one look-up and one addition. Of what is not watched only that comes here which is in the scope of a tail: it
 * is sent, if it is of a kind that the tail asks for, and not remembered.
 */
static __always_inline __u16 recall_scoped(void *map, const struct sensor_key *key, const struct sensor_control *block,
					   bool scoped, __u64 sent, __u64 received)
{
	struct sensor_count *count;

	if (block->scope_only && !scoped)
		return 0;
	if (block->stream && is_unwatched(block, &key->cgroup))
		return scoped ? SENSOR_STREAMED : 0;
	count = block->forgetting ? NULL : bpf_map_lookup_elem(map, key);
	if (!count)
		return scoped ? SENSOR_FIRST_SEEN | SENSOR_STREAMED : SENSOR_FIRST_SEEN;
	add(&count->count, 1);
	if (sent)
		add(&count->sent, sent);
	if (received)
		add(&count->received, received);
	return scoped ? SENSOR_STREAMED : 0;
}

static __always_inline bool streams(const struct sensor_control *block, __u8 kind)
{
	return block->stream && (block->stream_kinds >> (kind & 63)) & 1;
}

static __always_inline __u16 recall(void *map, const struct sensor_key *key, const struct sensor_control *block,
				    __u32 tgid, __u64 sent, __u64 received)
{
	return recall_scoped(map, key, block, streams(block, key->kind) && in_scope(block, tgid, key->cgroup), sent,
			     received);
}

/*
 * The same for a name that may be a link's: by the next time it may lead elsewhere, so that a repeat is told, too, as long as that takes none of
 * the room that first sights need. Then it counts neither here nor as a first sight.
 */
static __always_inline __u16 recall_followed(const struct sensor_key *key, const struct sensor_control *block,
					     __u32 tgid)
{
	bool scoped = streams(block, key->kind) && in_scope(block, tgid, key->cgroup);

	if (!(block->stream && is_unwatched(block, &key->cgroup)) && (scoped || !block->scope_only) &&
	    bpf_ringbuf_query(&activity, BPF_RB_AVAIL_DATA) <= config.ring_size / 4 && !block->forgetting &&
	    bpf_map_lookup_elem(&memory, key))
		return scoped ? SENSOR_REPEATED | SENSOR_STREAMED : SENSOR_REPEATED;
	return recall_scoped(&memory, key, block, scoped, 0, 0);
}

/* The budget is used up but for what the daemon has given back since. */
static __noinline bool has_released_budget(const struct sensor_key *key, bool failed, __u64 used, __u32 budget)
{
	struct sensor_released *given_back;
	__u64 cgroup = key->cgroup;

	given_back = bpf_map_lookup_elem(&released, &cgroup);
	if (given_back && used - (failed ? given_back->failed_entries : given_back->entries) < budget)
		return true;
	lose(cgroup, key->hook, SENSOR_LOSS_MEMORY_BUDGET, key->kind);
	return false;
}

/* Is there room in the cgroup's share of the memory? Asked before the record is sent, so that its flags are true. */
static __always_inline bool has_entry_budget(struct sensor_workload *workload, const struct sensor_key *key,
					     bool failed)
{
	__u64 used = failed ? workload->failed_entries : workload->entries;
	__u32 budget = failed ? config.failed_entry_budget : config.entry_budget;

	return used < budget || has_released_budget(key, failed, used, budget);
}

static __noinline void not_remembered(const struct sensor_key *key, long error)
{
	if (error == -E2BIG)
		lose(key->cgroup, key->hook, SENSOR_LOSS_MEMORY_FULL, key->kind);
	else if (error == -EBUSY || error == -EDEADLK)
		lose(key->cgroup, key->hook, SENSOR_LOSS_MEMORY_BUSY, key->kind);
	else if (error != -EEXIST)
		lose(key->cgroup, key->hook, SENSOR_LOSS_MEMORY_ERROR, key->kind);
}

/*
 * Remembers a key whose first record was delivered. Another processor may have been faster: then both records went out,
 * each one stands for itself, and the sum is right.
 */
static __always_inline void remember(void *map, struct sensor_workload *workload, const struct sensor_key *key,
				     bool failed)
{
	long error = bpf_map_update_elem(map, key, &no_count, BPF_NOEXIST);

	if (error == 0)
		add(failed ? &workload->failed_entries : &workload->entries, 1);
	else
		not_remembered(key, error);
}

/* Who the thread acts as: a change that is the repeat of an earlier one has no record of its own. */
static __always_inline void fill_user(struct sensor_header *header, struct task_struct *task)
{
	const struct cred *cred = get(task, cred);

	header->uid = get(cred, euid.val);
	header->gid = get(cred, egid.val);
}

static __always_inline void fill_no_user(struct sensor_header *header)
{
	header->uid = -1;
	header->gid = -1;
}

/* Does the record tell of what the current task does, not of what comes of something done before? */
static __always_inline bool has_user(const struct sensor_header *header)
{
	return header->uid != (__u32)-1;
}

/* Starts a record in the scratch buffer; the key is in place already. */
static __always_inline void begin(struct scratch *scratch, struct task_struct *task, __u16 flags, __s64 result)
{
	struct sensor_header *header = &scratch->header;

	header->flags = flags;
	header->sections = 0;
	header->time = bpf_ktime_get_boot_ns();
	header->start = get(get(task, group_leader), start_boottime);
	header->tgid = get(task, tgid);
	header->tid = get(task, pid);
	header->result = result;
	fill_user(header, task);
	scratch->length = 0;
}

/* Reserves a body of constant size at the front; it is cleared. */
#define body(scratch, type)                                            \
	({                                                             \
		struct type *__body = (struct type *)(scratch)->bytes; \
		__builtin_memset(__body, 0, sizeof(*__body));          \
		(scratch)->length = sizeof(*__body);                   \
		__body;                                                \
	})

/* Writes the head of a section whose bytes stand behind it already. What lies in the padding means nothing. */
static __always_inline void close_section(struct scratch *scratch, __u32 at, __u32 length, __u16 tag, __u16 flags)
{
	struct sensor_section *section = (struct sensor_section *)&scratch->bytes[at & RECORD_MASK];

	section->tag = tag;
	section->flags = flags;
	section->length = length;
	scratch->length = (at + sizeof(*section) + length + 7) & ~7U;
	scratch->header.sections++;
}

/*
 * Stages the caller's string as the next section's bytes, without closing it. Returns its length (no NUL), or -1 after a
 * read fault. Global functions take scalars only (5.10) and are verified once, not for each caller.
 */
__noinline int stage_user_string(__u64 address, __u32 index)
{
	struct scratch *scratch = scratch_at(index & 1);
	__u32 at;
	long length;

	if (!scratch)
		return -1;
	at = scratch->length;
	if (at > SECTION_START_MAX || !address)
		return -1;
	at = (at + sizeof(struct sensor_section)) & RECORD_MASK;
	length = bpf_probe_read_user_str(&scratch->bytes[at], SENSOR_PATH_MAX, (void *)address);
	return length <= 0 ? -1 : length - 1;
}

/* The compiler drops masks that it can prove useless; the verifier, which cannot prove that, needs them. */
static __always_inline __u32 masked(__u32 offset)
{
	asm volatile("" : "+r"(offset));
	return offset & RECORD_MASK;
}

/* A word at any offset. The empty assembly keeps the compiler from splitting it into bytes: both machines read unaligned words. */
static __always_inline __u64 *word_at(struct scratch *scratch, __u32 offset)
{
	__u64 *word = (__u64 *)&scratch->bytes[masked(offset)];

	asm volatile("" : "+r"(word));
	return word;
}

/* Seeded hash of `length` staged bytes at bytes[at]; the sixteen bytes behind them are cleared. */
__noinline __u64 hash_bytes(__u32 at, __u32 length, __u32 index)
{
	struct scratch *scratch = scratch_at(index & 1);
	__u64 hash = config.seed ^ length;
	__u32 pairs = (length + 15) / 16, i;

	if (!scratch)
		return 0;
	*word_at(scratch, at + length) = 0;
	*word_at(scratch, at + length + 8) = 0;
	for (i = 0; i < SENSOR_PATH_MAX / 16; i++) {
		if (i >= pairs)
			break;
		hash = mix(hash, *word_at(scratch, at + i * 16));
		hash = mix(hash, *word_at(scratch, at + i * 16 + 8));
	}
	return finish(hash);
}

/* Is there still room for something new of its kind in this second? */
static __always_inline bool is_allowed(struct sensor_detail *detail, const struct sensor_header *header)
{
	__u32 now = header->time >> 30, kind = header->key.kind & (SENSOR_KIND_LIMIT - 1);

	if (detail->time != now) {
		detail->time = now;
		__builtin_memset(detail->told, 0, sizeof(detail->told));
	}
	if (detail->told[kind] >= SENSOR_DETAIL_ALLOWANCE)
		return false;
	detail->told[kind]++;
	return true;
}

/*
 * Has the daemon asked not to be told this? What is new is counted as lost then, and is new again the next time. System calls and
 * changes of identity are few, and nobody should have to do without them.
 */
static __always_inline bool is_spared(const struct sensor_control *block, const struct sensor_header *header)
{
	__u8 kind = header->key.kind;
	struct sensor_detail *detail;

	if (!block->reduced || kind == SENSOR_SYSCALL_FIRST || kind == SENSOR_SYSCALL_NOTABLE ||
	    kind == SENSOR_IDENTITY_CHANGE)
		return false;
	detail = bpf_map_lookup_elem(&reduced, &header->key.cgroup);
	if (!detail)
		return false;
	if (!(header->flags & SENSOR_FIRST_SEEN))
		return true;
	return detail->detail == SENSOR_DETAIL_COUNTS && !is_allowed(detail, header);
}

/* Sends an activity record, whose header is `header`, and remembers its key if it is new. */
static __always_inline void dispatch_record(struct sensor_header *header, __u32 size, struct sensor_control *block,
					    bool failed)
{
	struct sensor_workload *workload = NULL;

	header->size = size;
	if (is_spared(block, header)) {
		lose(header->key.cgroup, header->key.hook, loss_of(header, SENSOR_LOSS_OVERLOAD), header->key.kind);
		return;
	}
	if (header->flags & SENSOR_FIRST_SEEN) {
		workload = bpf_map_lookup_elem(&workloads, &header->key.cgroup);
		/* What a socket leaves behind may come when its cgroup is gone, and nobody would forget that one again. */
		if (!workload && has_user(header)) {
			workload = new_workload(header->key.cgroup);
			if (!workload)
				lose(header->key.cgroup, header->key.hook, SENSOR_LOSS_MEMORY_FULL, header->key.kind);
		}
		if (workload && !block->forgetting && has_entry_budget(workload, &header->key, failed))
			header->flags |= SENSOR_REMEMBERED;
	}
	if (!submit(header, size, block, header) || !workload || !(header->flags & SENSOR_REMEMBERED))
		return;
	if (failed)
		remember(&failures, workload, &header->key, true);
	else
		remember(&memory, workload, &header->key, false);
}

/* The same for the record in the scratch buffer. */
static __noinline void dispatch(struct scratch *scratch, struct sensor_control *block, bool failed)
{
	struct sensor_header *header = &scratch->header;
	__u32 size = sizeof(*header) + scratch->length;

	if (size > SENSOR_RECORD_MAX)
		return lose_of(scratch, SENSOR_LOSS_BAD_RECORD);
	dispatch_record(header, size, block, failed);
}

/* A repeat that is told: the memory notes that it was, or counts it where there is no room any more or nobody wants it. */
static __noinline void dispatch_repeat(struct scratch *scratch, struct sensor_control *block)
{
	struct sensor_header *header = &scratch->header;
	__u32 size = sizeof(*header) + scratch->length;
	struct sensor_count *count = bpf_map_lookup_elem(&memory, &header->key);
	__u64 fill = bpf_ringbuf_query(&activity, BPF_RB_AVAIL_DATA);
	long error = -ENOENT;

	if (size > SENSOR_RECORD_MAX)
		return lose_of(scratch, SENSOR_LOSS_BAD_RECORD);
	header->size = size;
	if (!count || !is_spared(block, header))
		error = bpf_ringbuf_output(&activity, header, size, wakeup(block, fill, size));
	if (count)
		add(error ? &count->count : &count->sent, 1);
	if (error && (!count || header->flags & SENSOR_STREAMED))
		lose_of(scratch, count ? SENSOR_LOSS_STREAM : SENSOR_LOSS_RING_FULL);
}

/* Lifecycle records are all sent: they are what identities are made of. */
static __noinline void dispatch_lifecycle(struct scratch *scratch, struct sensor_control *block)
{
	struct sensor_header *header = &scratch->header;
	__u32 size = sizeof(*header) + scratch->length;

	if (size > SENSOR_RECORD_MAX)
		return lose_of(scratch, SENSOR_LOSS_BAD_RECORD);
	header->size = size;
	(void)submit_to(lifecycle, config.lifecycle_ring_size / 2, 1, header, size, block, header);
}

#endif
