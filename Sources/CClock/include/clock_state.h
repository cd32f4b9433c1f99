#ifndef CLOCK_STATE_H
#define CLOCK_STATE_H

#include <stdbool.h>
#include <sys/timex.h>
#include <unistd.h>

/// Whether something has set the wall clock since the machine started and keeps it right (NTP), as far as the kernel knows. A service
/// manager may forbid to ask the kernel (ProtectClock=): then a file of systemd-timesyncd tells.
static inline bool clock_is_synchronized(void) {
    struct timex state = {0};
    int result = adjtimex(&state);
    if (result < 0) return access("/run/systemd/timesync/synchronized", F_OK) == 0;
    return result != TIME_ERROR;
}

#endif
