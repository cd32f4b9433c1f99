#define _GNU_SOURCE
#include "CFiles.h"
#include <errno.h>
#include <unistd.h>

int files_rename_new(int from_directory, const char *from, int to_directory, const char *to) {
    if (renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE) == 0) return 0;
    // File systems that cannot do it can make a second name, which fails where one is there. Directories cannot have two.
    if (errno != EINVAL && errno != ENOSYS) return -1;
    if (linkat(from_directory, from, to_directory, to, 0) != 0) return -1;
    return unlinkat(from_directory, from, 0);
}

void files_write_out(int file, long offset, long count) {
    // A hint: where it cannot be taken, the next sync has more to do.
    (void)sync_file_range(file, offset, count, SYNC_FILE_RANGE_WRITE);
}
