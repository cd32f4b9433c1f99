#pragma once
#include <stddef.h>

/// Starts counting the bytes that are in use beyond those in use now.
void memory_watch_start(void);

/// Most bytes in use at once since the start.
size_t memory_watch_peak(void);
