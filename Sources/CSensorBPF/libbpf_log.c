// SPDX-License-Identifier: Apache-2.0
#include "CSensorBPF.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local sensor_libbpf_log_fn thread_sink;
static _Thread_local void *thread_context;

/* A verifier log comes as one message and may be megabytes long, so the text is allocated to fit. */
__attribute__((format(printf, 2, 0))) static int print(enum libbpf_print_level level, const char *format,
						       va_list arguments)
{
	char *text = NULL;
	int length;

	if (!thread_sink)
		return 0;
	length = vasprintf(&text, format, arguments);
	if (length < 0)
		return length;
	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	thread_sink(level, text, (size_t)length, thread_context);
	free(text);
	return length;
}

static void install(void)
{
	libbpf_set_print(print);
}

void sensor_set_libbpf_log(sensor_libbpf_log_fn sink, void *context)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install);
	thread_sink = sink;
	thread_context = context;
}
