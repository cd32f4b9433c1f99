#ifndef FAULT_CONTROL_H
#define FAULT_CONTROL_H

#include <stdint.h>

/// What a preloaded shim does to a program: a file of this form, named by the variable FAULT_CONTROL, that may change while it runs.
/// Writes and syncs count only for files whose path holds `/store/`.
struct fault_control {
    /// One of so many writes fails; 0: none.
    uint32_t write_failures;
    /// One of so many writes is cut short; 0: none.
    uint32_t short_writes;
    /// One of so many syncs fails; 0: none.
    uint32_t sync_failures;
    /// What they fail with (errno).
    uint32_t code;
    /// Added to the wall clock.
    int64_t clock_offset_ms;
};

#endif
