/* The page of a simulated world's time: see worldclock.py. */
#include <stdatomic.h>
#include <stdint.h>

typedef struct {
    _Atomic uint64_t version; /* odd while it is written */
    _Atomic int64_t real, world, lease;
    int64_t boottime; /* what CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC */
    _Atomic int64_t latest; /* what anybody has read last: time never goes back */
} Page;

#define SECOND 1000000000LL
#define CREEP 32 /* how much slower time goes while it stands still */
