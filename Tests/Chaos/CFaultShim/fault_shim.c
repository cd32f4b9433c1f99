// Preloaded into a program under test: lets writes and syncs of its store fail, and moves its wall clock.
#define _GNU_SOURCE
#include "fault_control.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static const volatile struct fault_control *control(void) {
    static const volatile struct fault_control *mapped;
    static int tried;
    if (!tried) {
        const char *path = getenv("FAULT_CONTROL");
        int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (file >= 0) {
            void *at = mmap(0, sizeof(struct fault_control), PROT_READ, MAP_SHARED, file, 0);
            if (at != MAP_FAILED) mapped = at;
            close(file);
        }
        tried = 1;
    }
    return mapped;
}

static int is_stored(int file) {
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0) return 0;
    path[size] = 0;
    return strstr(path, "/store/") != 0;
}

static int hits(uint32_t one_of) {
    static __thread unsigned state;
    if (!one_of) return 0;
    if (!state) state = (unsigned)(getpid() * 2654435761u) ^ (unsigned)(size_t)&state;
    state = state * 1103515245u + 12345u;
    return (state >> 16) % one_of == 0;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    static ssize_t (*next)(int, const void *, size_t, off_t);
    if (!next) next = dlsym(RTLD_NEXT, "pwrite");
    const volatile struct fault_control *faults = control();
    if (faults && (faults->write_failures || faults->short_writes) && is_stored(file)) {
        if (hits(faults->short_writes) && count > 1) return next(file, bytes, count / 2, offset);
        if (hits(faults->write_failures)) {
            // A disk that gets full has taken a part.
            if (count > 1) next(file, bytes, count / 3, offset);
            errno = (int)faults->code;
            return -1;
        }
    }
    return next(file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off_t offset) { return pwrite(file, bytes, count, offset); }

static int sync_with(int (*next)(int), int file) {
    const volatile struct fault_control *faults = control();
    if (faults && faults->sync_failures && is_stored(file) && hits(faults->sync_failures)) {
        errno = (int)faults->code;
        return -1;
    }
    return next(file);
}

int fdatasync(int file) {
    static int (*next)(int);
    if (!next) next = dlsym(RTLD_NEXT, "fdatasync");
    return sync_with(next, file);
}

int fsync(int file) {
    static int (*next)(int);
    if (!next) next = dlsym(RTLD_NEXT, "fsync");
    return sync_with(next, file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = dlsym(RTLD_NEXT, "clock_gettime");
    int result = next(clock, time);
    const volatile struct fault_control *faults = control();
    if (result == 0 && clock == CLOCK_REALTIME && faults) time->tv_sec += (time_t)(faults->clock_offset_ms / 1000);
    return result;
}
