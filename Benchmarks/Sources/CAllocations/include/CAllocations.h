#pragma once

/// Allocations of this thread so far. glibc only.
long allocation_count(void);
