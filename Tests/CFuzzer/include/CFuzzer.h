#pragma once
#include <stddef.h>
#include <stdint.h>

/// libFuzzer's entry for programs with a main of their own.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

/// Starts counting the bytes that are in use beyond those in use now.
void memory_watch_start(void);

/// Most bytes in use at once since the start.
size_t memory_watch_peak(void);
