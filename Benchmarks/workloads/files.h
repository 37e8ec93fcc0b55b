/* SPDX-License-Identifier: Apache-2.0 */
/* Where the files are that the generators open: DIRECTORY/NNNN/file-NNNNNNN, a hundred to a directory. */
#ifndef FILES_H
#define FILES_H

/* The paths of `count` files. Ends the process when there is no memory for them. */
char **file_paths(const char *directory, long count);

#endif
