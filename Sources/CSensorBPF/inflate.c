// SPDX-License-Identifier: Apache-2.0
#include "sensor_gzip.h"

#include <limits.h>
#include <stdint.h>
#include <zlib.h>

/* The largest window, and either of the two headers. */
#define WINDOW (15 + 32)

ssize_t sensor_inflate(const void *packed, size_t length, void *room, size_t capacity)
{
	z_stream stream = { .next_in = (Bytef *)packed, .next_out = room };
	uint8_t beyond;
	ssize_t written;
	int status, is_full, is_rest;

	if (length > INT_MAX || capacity > INT_MAX)
		return -2;
	stream.avail_in = (uInt)length;
	stream.avail_out = (uInt)capacity;
	if (inflateInit2(&stream, WINDOW) != Z_OK)
		return -1;
	/* gzip's pieces may follow one upon another: together they are what was packed. */
	while ((status = inflate(&stream, Z_FINISH)) == Z_STREAM_END && stream.avail_in > 0 && stream.avail_out > 0)
		if (inflateReset2(&stream, 15 + 16) != Z_OK)
			break;
	written = (ssize_t)(capacity - stream.avail_out);
	is_full = stream.avail_out == 0;
	if (status == Z_BUF_ERROR && is_full) {
		/* Full to the brim is whole if nothing more comes. */
		stream.next_out = &beyond;
		stream.avail_out = 1;
		status = inflate(&stream, Z_FINISH);
		if (stream.avail_out == 0)
			status = Z_MEM_ERROR;
	}
	is_rest = stream.avail_in > 0;

	inflateEnd(&stream);
	if (status == Z_MEM_ERROR || (status == Z_STREAM_END && is_full && is_rest))
		return -2;
	return status == Z_STREAM_END && !is_rest ? written : -1;
}
