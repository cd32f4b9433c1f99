#ifndef CLOCK_STATE_H
#define CLOCK_STATE_H

#include <stdbool.h>
#include <sys/timex.h>

/// Whether something has set the wall clock since the machine started and keeps it right (NTP), as far as the kernel knows.
static inline bool clock_is_synchronized(void) {
    struct timex state = {0};
    int result = adjtimex(&state);
    return result >= 0 && result != TIME_ERROR;
}

#endif
