#pragma once
#include <stddef.h>

/// Starts counting the bytes that are in use beyond those in use now.
void memory_watch_start(void);

/// Most bytes in use at once since the start.
size_t memory_watch_peak(void);

// libFuzzer's own mutation of bytes.
size_t LLVMFuzzerMutate(unsigned char *data, size_t size, size_t most);
static inline long fuzzer_mutate(unsigned char *data, long size, long most) { return (long)LLVMFuzzerMutate(data, (size_t)size, (size_t)most); }
