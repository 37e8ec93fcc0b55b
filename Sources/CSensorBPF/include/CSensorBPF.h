// SPDX-License-Identifier: Apache-2.0
#ifndef CSENSORBPF_H
#define CSENSORBPF_H

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stddef.h>

#include "sensor_atomics.h"
#include "sensor_call_filter.h"
#include "sensor_command.h"
#include "sensor_event.h"
#include "sensor_gzip.h"
#include "sensor_host.h"
#include "sensor_privileges.h"
#include "sensor_probe.h"
#include "sensor_socket.h"
#include "sensor_system.h"

/*
 * Receives one message of libbpf, formatted and without its newline. `text` is valid during the call only.
 * `level` is an `enum libbpf_print_level`.
 */
typedef void (*sensor_libbpf_log_fn)(int level, const char *text, size_t length, void *context);

/*
 * Sends what libbpf says on the calling thread to `sink`, from now until the next call on this thread; what it
 * says on a thread that has no sink is dropped. A null `sink` ends it. `context` must live until then.
 */
void sensor_set_libbpf_log(sensor_libbpf_log_fn sink, void *context);

#endif
