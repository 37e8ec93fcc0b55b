// SPDX-License-Identifier: Apache-2.0
#include "sensor_gzip.h"

#include <limits.h>
#include <zlib.h>

/* The largest window, and gzip's header. */
#define WINDOW (15 + 16)
/* Records repeat each other's words: that is found without looking for long. */
#define LEVEL 3
#define MEMORY 8
/* Of gzip, with its trailer: compressBound() is about zlib's, which is shorter. */
#define HEADER 18

ssize_t sensor_deflate(const void *bytes, size_t length, void *room, size_t capacity)
{
	z_stream stream = { .next_in = (Bytef *)bytes, .next_out = room };
	int status;

	if (length > INT_MAX || capacity > INT_MAX)
		return -1;
	stream.avail_in = (uInt)length;
	stream.avail_out = (uInt)capacity;
	if (deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return -1;
	status = deflate(&stream, Z_FINISH);
	deflateEnd(&stream);
	return status == Z_STREAM_END ? (ssize_t)(capacity - stream.avail_out) : -1;
}

size_t sensor_deflate_room(size_t length)
{
	return compressBound(length) + HEADER;
}
