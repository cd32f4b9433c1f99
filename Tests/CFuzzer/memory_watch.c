// Counts what the allocator hands out, so that an input that takes too much memory is found. glibc only.
#include "CFuzzer.h"
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static __thread long in_use, peak;

static void *taken(void *memory) {
    if (memory) {
        in_use += (long)malloc_usable_size(memory);
        if (in_use > peak) peak = in_use;
    }
    return memory;
}

static void given(void *memory) {
    if (memory) in_use -= (long)malloc_usable_size(memory);
}

void *malloc(size_t size) { return taken(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return taken(__libc_calloc(count, size)); }
void *memalign(size_t alignment, size_t size) { return taken(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return taken(__libc_memalign(alignment, size)); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    *memory = taken(__libc_memalign(alignment, size));
    return *memory ? 0 : ENOMEM;
}

void *realloc(void *memory, size_t size) {
    given(memory);
    return taken(__libc_realloc(memory, size));
}

void free(void *memory) {
    given(memory);
    __libc_free(memory);
}

void memory_watch_start(void) { in_use = peak = 0; }
size_t memory_watch_peak(void) { return peak > 0 ? (size_t)peak : 0; }
