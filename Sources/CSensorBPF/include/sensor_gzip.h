/* SPDX-License-Identifier: Apache-2.0 */
/* zlib, as far as it is needed. */
#ifndef SENSOR_GZIP_H
#define SENSOR_GZIP_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Unpacks what gzip or zlib has packed, as one piece. Returns its length, -1 if it is not packed so or not whole, -2 if there is no room for
 * it. Never writes beyond the room, whatever the packed bytes promise.
 */
ssize_t sensor_inflate(const void *packed, size_t length, void *room, size_t capacity);

/* Packs as gzip does, for speed rather than size. Returns the length, -1 if there is no memory or no room. */
ssize_t sensor_deflate(const void *bytes, size_t length, void *room, size_t capacity);

/* Room that is enough for so many bytes, whatever they are. */
size_t sensor_deflate_room(size_t length);

#endif
