#ifndef CFILES_H
#define CFILES_H

// Calls of Linux that Swift's view of the C library leaves out.

#include <fcntl.h>
#include <stdio.h>

/// Renames where the target must not be there. 0, or -1 with `errno`.
int files_rename_new(int from_directory, const char *from, int to_directory, const char *to);

/// Tells the system to begin writing a part of a file to the disk, and does not wait for it.
void files_write_out(int file, long offset, long count);

#endif
