/* The time of a simulated world, for every program in it: see worldclock.py.
 *
 * Preloaded (LD_PRELOAD in ld.so(8)), this answers in the place of libc wherever a program asks what
 * time it is, or waits until a time. Every clock but those of processor time lags behind the
 * machine's by as much as the world has stood still. A wait lasts until the world has got so far.
 *
 * The world's time is in a page of shared memory: at `real` of CLOCK_MONOTONIC it is `world`, and
 * from then on it goes as the machine's, for at most `lease`. Before that it creeps, so that what
 * follows from something is later. Without a page it is the machine's.
 *
 * Nobody outlives the time of the world: when nothing has been written for `DEAD`, whoever asks or
 * waits is ended by SIGKILL.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "worldclock.h"

#define FOREVER INT64_MAX
#define DEAD (60 * SECOND)
#define AGAIN (SECOND / 500) /* from one look to the next, while time stands still */
#define RING_AGAIN (SECOND / 50) /* the same for an alarm, which interrupts what its process waits for */

static _Atomic(Page *) page;

static int64_t ns(const struct timespec *t) { return t->tv_sec * SECOND + t->tv_nsec; }
static struct timespec spec(int64_t t) {
    if (t < 0) t = 0;
    return (struct timespec){t / SECOND, t % SECOND};
}

#define REAL(name) \
    static __typeof__(name) *real_##name; \
    static __typeof__(name) *find_##name(void) { \
        if (!real_##name) real_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); \
        return real_##name; \
    }
REAL(clock_gettime)
REAL(clock_nanosleep)
REAL(setitimer)
REAL(ppoll)
REAL(pselect)
REAL(epoll_pwait)
REAL(sem_clockwait)
REAL(pthread_cond_clockwait)

/* Called by Python, or at start: from now on the time is that of the page in this file. */
int worldclock_attach(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return -1;
    void *found = mmap(NULL, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found == MAP_FAILED) return -1;
    atomic_store(&page, (Page *)found);
    return 0;
}

/* From now on the time is the machine's, also for a wait that has begun. */
void worldclock_leave(void) { atomic_store(&page, NULL); }

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("HW_MOCKS_CLOCK");
    if (path && *path) worldclock_attach(path);
}

static int64_t machine(clockid_t clock) {
    struct timespec t;
    find_clock_gettime()(clock, &t);
    return ns(&t);
}

/* Whoever had no processor for so long takes the time for dead as well: so look twice. */
static void end_if_dead(Page *p) {
    static const char why[] = "worldclock: nobody keeps this world's time any more\n";
    struct timespec second = {1, 0};
    uint64_t before = atomic_load(&p->version);
    find_clock_nanosleep()(CLOCK_MONOTONIC, 0, &second, NULL);
    if (atomic_load(&p->version) != before) return;
    if (atomic_load(&page) != p) return; /* it has left */
    if (write(2, why, sizeof why - 1) < 0) {} /* nobody may be there to read it */
    kill(getpid(), SIGKILL);
}

typedef struct { int64_t now, world, real, at; int over; } Reading;

/* now: the world's time. over: it stands still until the page says more. The others: what the page
 * said, and the machine's time then. */
static Reading reading(Page *p) {
    Reading r;
    int64_t lease;
    uint64_t before;
again:
    do {
        int64_t began = 0;
        while ((before = atomic_load(&p->version)) & 1 && atomic_load(&page) == p) {
            if (!began) began = machine(CLOCK_MONOTONIC);
            if (machine(CLOCK_MONOTONIC) - began > DEAD) end_if_dead(p), began = 0;
            sched_yield();
        }
        r.real = atomic_load(&p->real);
        r.world = atomic_load(&p->world);
        lease = atomic_load(&p->lease);
        r.at = machine(CLOCK_MONOTONIC);
    } while (atomic_load(&p->version) != before);
    int64_t gone = r.at - r.real;
    if (gone > lease + DEAD && atomic_load(&page) == p) {
        end_if_dead(p);
        goto again;
    }
    r.over = gone > lease;
    r.now = r.world + (gone < 0 ? gone / CREEP : gone > lease ? lease : gone);
    int64_t latest = atomic_load(&p->latest);
    while (latest < r.now && !atomic_compare_exchange_weak(&p->latest, &latest, r.now)) {}
    if (latest > r.now) r.now = latest;
    return r;
}

static int paced(clockid_t clock) {
    switch (clock) {
    case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE: case CLOCK_TAI: case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW: case CLOCK_MONOTONIC_COARSE: case CLOCK_BOOTTIME:
        return 1;
    }
    return 0;
}

/* How much longer to wait, in the machine's time, until the world's is `until`; 0 if it is. */
static int64_t left(Page *p, int64_t until) {
    if (until == FOREVER) return FOREVER;
    if (atomic_load(&page) != p) return 0;
    Reading r = reading(p);
    if (r.now >= until) return 0;
    if (r.over) return AGAIN;
    int64_t rest = r.real + (until - r.world) - r.at;
    return rest < 50000 ? 50000 : rest;
}

static int64_t world_now(Page *p) { return reading(p).now; }

/* An instant of a clock as the world shows it, as an instant of the world's time. */
static int64_t instant(Page *p, clockid_t clock, const struct timespec *t) {
    struct timespec shown;
    clock_gettime(clock, &shown);
    return world_now(p) + ns(t) - ns(&shown);
}

int clock_gettime(clockid_t clock, struct timespec *t) {
    Page *p = atomic_load(&page);
    int done = find_clock_gettime()(clock, t);
    if (!p || done != 0 || !paced(clock)) return done;
    int64_t ahead = clock == CLOCK_BOOTTIME ? p->boottime : 0; /* of CLOCK_MONOTONIC */
    while (clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME) {
        int64_t before = machine(CLOCK_MONOTONIC);
        ahead = machine(clock) - before;
        if (machine(CLOCK_MONOTONIC) - before < 20000) break;
    }
    *t = spec(world_now(p) + ahead);
    return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *t = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *t, struct timespec *rest) {
    Page *p = atomic_load(&page);
    if (!p || !paced(clock)) return find_clock_nanosleep()(clock, flags, t, rest);
    int64_t until = flags & TIMER_ABSTIME ? instant(p, clock, t) : world_now(p) + ns(t);
    int64_t more;
    while ((more = left(p, until)) > 0) {
        struct timespec span = spec(more);
        int code = find_clock_nanosleep()(CLOCK_MONOTONIC, 0, &span, NULL);
        if (code) {
            if (rest && !(flags & TIMER_ABSTIME)) *rest = spec(until - world_now(p));
            return code;
        }
    }
    return 0;
}

int nanosleep(const struct timespec *t, struct timespec *rest) {
    int code = clock_nanosleep(CLOCK_MONOTONIC, 0, t, rest);
    if (code) errno = code;
    return code ? -1 : 0;
}

int usleep(useconds_t microseconds) {
    struct timespec t = spec(microseconds * 1000LL);
    return nanosleep(&t, NULL);
}

unsigned sleep(unsigned seconds) {
    struct timespec t = {seconds, 0}, rest = {0, 0};
    return nanosleep(&t, &rest) ? (unsigned)rest.tv_sec : 0;
}

static _Atomic int64_t rings; /* when an alarm is due, in the world's time */

static int rings_in(int64_t t, struct itimerval *before) {
    int64_t us = t / 1000 + 1;
    struct itimerval timer = {{0, 0}, {us / 1000000, us % 1000000}};
    return find_setitimer()(ITIMER_REAL, &timer, before);
}

/* In the place of the kernel, which ends a process that does nothing about its alarm. */
static void ring(int number) {
    int was = errno;
    Page *p = atomic_load(&page);
    int64_t more = p ? left(p, atomic_load(&rings)) : 0;
    if (more > 0) {
        rings_in(more < RING_AGAIN ? RING_AGAIN : more, NULL);
        errno = was;
        return;
    }
    signal(number, SIG_DFL);
    raise(number);
}

/* The kernel's alarm goes by the machine's time. One that is to end this process waits for the
 * world's; one that it handles itself is for whoever watches over the world, and does not. So does
 * alarm(2), and a timer that has been carried over exec: no program in a world has one. */
int setitimer(__itimer_which_t which, const struct itimerval *timer, struct itimerval *before) {
    Page *p = atomic_load(&page);
    struct sigaction does;
    int64_t t = timer->it_value.tv_sec * SECOND + timer->it_value.tv_usec * 1000LL;
    int once = timer->it_interval.tv_sec == 0 && timer->it_interval.tv_usec == 0;
    if (!p || which != ITIMER_REAL || t <= 0 || !once || sigaction(SIGALRM, NULL, &does) != 0 ||
        (does.sa_handler != SIG_DFL && does.sa_handler != ring))
        return find_setitimer()(which, timer, before);
    atomic_store(&rings, world_now(p) + t);
    struct sigaction ours = {.sa_handler = ring, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &ours, NULL);
    return rings_in(t, before);
}

/* Repeats CALL, which waits for `span` of the machine's time, until it has something or the world
 * has got to `until`. */
#define WAITED(type, zero, CALL) \
    for (;;) { \
        int64_t more = left(p, until); \
        struct timespec span = spec(more == FOREVER ? 0 : more); \
        struct timespec *limit = more == FOREVER ? NULL : &span; \
        type found = CALL; \
        if (found != (zero) || more == 0) return found; \
    }

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *t, const sigset_t *mask) {
    Page *p = atomic_load(&page);
    if (!p || !t) return find_ppoll()(fds, count, t, mask);
    int64_t until = world_now(p) + ns(t);
    WAITED(int, 0, find_ppoll()(fds, count, limit, mask))
}

int poll(struct pollfd *fds, nfds_t count, int milliseconds) {
    struct timespec t = spec(milliseconds * 1000000LL);
    return ppoll(fds, count, milliseconds < 0 ? NULL : &t, NULL);
}

/* What gcc makes of poll and ppoll where it checks the size of arrays. */
int __poll_chk(struct pollfd *fds, nfds_t count, int milliseconds, size_t size) {
    if (size / sizeof *fds < count) abort();
    return poll(fds, count, milliseconds);
}

int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *t, const sigset_t *mask,
                size_t size) {
    if (size / sizeof *fds < count) abort();
    return ppoll(fds, count, t, mask);
}

int pselect(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict err,
            const struct timespec *restrict t, const sigset_t *restrict mask) {
    Page *p = atomic_load(&page);
    if (!p || !t) return find_pselect()(count, in, out, err, t, mask);
    int64_t until = world_now(p) + ns(t);
    fd_set sets[3];
    if (in) sets[0] = *in;
    if (out) sets[1] = *out;
    if (err) sets[2] = *err;
    for (;;) {
        int64_t more = left(p, until);
        struct timespec span = spec(more);
        int found = find_pselect()(count, in, out, err, &span, mask);
        if (found != 0 || more == 0) return found;
        if (in) *in = sets[0];
        if (out) *out = sets[1];
        if (err) *err = sets[2];
    }
}

int select(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict err,
           struct timeval *restrict t) {
    struct timespec span;
    if (t) span = (struct timespec){t->tv_sec, t->tv_usec * 1000};
    return pselect(count, in, out, err, t ? &span : NULL, NULL);
}

int epoll_pwait(int fd, struct epoll_event *events, int count, int milliseconds,
                const sigset_t *mask) {
    Page *p = atomic_load(&page);
    if (!p || milliseconds < 0) return find_epoll_pwait()(fd, events, count, milliseconds, mask);
    int64_t until = world_now(p) + milliseconds * 1000000LL;
    for (;;) {
        int64_t more = left(p, until);
        int found = find_epoll_pwait()(fd, events, count, (int)((more + 999999) / 1000000), mask);
        if (found != 0 || more == 0) return found;
    }
}

int epoll_wait(int fd, struct epoll_event *events, int count, int milliseconds) {
    return epoll_pwait(fd, events, count, milliseconds, NULL);
}

int sem_clockwait(sem_t *restrict sem, clockid_t clock, const struct timespec *restrict t) {
    Page *p = atomic_load(&page);
    if (!p) return find_sem_clockwait()(sem, clock, t);
    int64_t until = instant(p, clock, t);
    for (;;) {
        int64_t more = left(p, until);
        struct timespec deadline = spec(machine(CLOCK_MONOTONIC) + more);
        if (find_sem_clockwait()(sem, CLOCK_MONOTONIC, &deadline) == 0) return 0;
        if (errno != ETIMEDOUT || more == 0) return -1;
    }
}

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict t) {
    return sem_clockwait(sem, CLOCK_REALTIME, t);
}

int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           clockid_t clock, const struct timespec *restrict t) {
    Page *p = atomic_load(&page);
    if (!p) return find_pthread_cond_clockwait()(cond, mutex, clock, t);
    int64_t until = instant(p, clock, t);
    for (;;) {
        int64_t more = left(p, until);
        struct timespec deadline = spec(machine(CLOCK_MONOTONIC) + more);
        int code = find_pthread_cond_clockwait()(cond, mutex, CLOCK_MONOTONIC, &deadline);
        if (code != ETIMEDOUT || more == 0) return code;
    }
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict t) {
    /* Which clock the condition goes by, nobody tells; a machine is not up for thirty years. */
    clockid_t clock = t->tv_sec < 1000000000 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    return pthread_cond_clockwait(cond, mutex, clock, t);
}
