/* Keeps the time of a simulated world: see worldclock.py.
 *
 *   worldkeeper PAGE ROOT   the world of the process ROOT, whose child this is, and all below it
 *
 * It writes a newline once it keeps the time, and removes the page and its folder when ROOT has ended.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "worldclock.h"

#define TICK (SECOND / 100)
#define LEASE (3 * TICK)
#define AHEAD 300000 /* how long it may take to write what was decided, ns */
#define MOST (10 * TICK) /* what the world is owed at most: while its time stands still it catches up */
#define LATELY 10 /* a thread that has not run for so many ticks is taken to sleep; most do */
#define LOOK 20 /* ticks from one look at which threads there are to the next */
#define PRIORITY 2 /* in the real-time class, before what stands for hardware (priority.py) */
#define ASIDE 15 /* the nice value of threads that no world's time waits for */

/* fd: of its schedstat. state: of its stat, open too, since a path takes as long as what it leads to.
 * used, waited: what its schedstat said last. paid: for how much of its present wait the
 * world has stood still. rested: ticks since it was last seen to run or to wait. */
typedef struct {
    int number, fd, state, rested, there;
    int64_t used, waited, paid;
} Thread;

static Thread *threads;
static int count, room;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

/* How long a thread has had a processor, and has waited for one, ns; 0 if it has ended. */
static int times(int fd, int64_t *used, int64_t *waited) {
    char text[100];
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    if (size <= 0) return 0;
    text[size] = 0;
    char *end;
    *used = strtoll(text, &end, 10);
    *waited = strtoll(end, NULL, 10);
    return 1;
}

/* Whether a thread has a processor or waits for one; 0 also if it has ended. */
static int ready(int fd) {
    char text[512];
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    if (size <= 0) return 0;
    text[size] = 0;
    char *name_end = strrchr(text, ')');
    return name_end && name_end[1] == ' ' && name_end[2] == 'R';
}

/* What the world owes a thread for the time since the last look. */
static int64_t owed(Thread *t, int64_t since) {
    int64_t used, waited;
    if (!times(t->fd, &used, &waited)) return 0; /* it has ended */
    if (used == t->used && waited == t->waited) {
        if (t->rested >= LATELY) return 0;
        if (!ready(t->state)) {
            t->rested++;
            return 0;
        }
        t->paid += since;
        return since;
    }
    int64_t more = waited - t->waited - t->paid;
    t->used = used, t->waited = waited, t->paid = 0, t->rested = 0;
    return more > 0 ? more : 0;
}

/* It is in the world. One that has begun since the last look is owed all that it has waited. */
static void note(int number, int first) {
    for (int i = 0; i < count; i++) {
        if (threads[i].number == number) {
            threads[i].there = 1;
            return;
        }
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/schedstat", number);
    Thread t = {.number = number, .there = 1, .fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (t.fd < 0) return; /* it has ended */
    snprintf(path, sizeof path, "/proc/%d/stat", number);
    t.state = open(path, O_RDONLY | O_CLOEXEC);
    if (t.state < 0 || !times(t.fd, &t.used, &t.waited)) {
        close(t.fd);
        if (t.state >= 0) close(t.state);
        return;
    }
    if (!first) t.waited = 0;
    if (count == room) {
        room = room ? 2 * room : 64;
        threads = realloc(threads, room * sizeof *threads);
        if (!threads) fail("threads");
    }
    threads[count++] = t;
}

/* The threads of a process and of all below it, without those at ASIDE. */
static void walk(int process, int first) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR *tasks = opendir(path);
    if (!tasks) return; /* it has ended */
    struct dirent *entry;
    while ((entry = readdir(tasks))) {
        int number = atoi(entry->d_name), child;
        if (number <= 0) continue;
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", process, number);
        FILE *children = fopen(path, "re");
        if (!children) continue;
        while (fscanf(children, "%d", &child) == 1) walk(child, first);
        fclose(children);
        errno = 0;
        int nice = getpriority(PRIO_PROCESS, number);
        if (!errno && nice != ASIDE) note(number, first);
    }
    closedir(tasks);
}

/* See which threads the world has now. */
static void look(int root) {
    int first = count == 0, kept = 0;
    for (int i = 0; i < count; i++) threads[i].there = 0;
    walk(root, first);
    for (int i = 0; i < count; i++) {
        if (threads[i].there) threads[kept++] = threads[i];
        else close(threads[i].fd), close(threads[i].state);
    }
    count = kept;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Stop or let go the world's time by what its threads have waited since the last tick. */
static void tick(Page *page, int64_t at) {
    static int64_t ticked, owing;
    if (!ticked) ticked = page->real;
    int64_t since = least(at - ticked, MOST), most = 0;
    ticked = at;
    for (int i = 0; i < count; i++) {
        int64_t one = owed(&threads[i], since);
        if (one > most) most = one;
    }
    owing = least(owing + most, MOST);
    at += AHEAD;
    int64_t real = page->real, gone = at - real;
    int64_t goes = gone < 0 ? -(-gone / CREEP) : least(gone, LEASE);
    int64_t pause = least(owing, TICK);
    owing -= pause;
    /* A pause that the tick before has begun goes on to its end. */
    real = (at > real ? at : real) + pause;
    uint64_t version = page->version;
    page->version = version + 1;
    page->real = real;
    page->world += goes + (real - at) / CREEP;
    page->lease = LEASE;
    page->version = version + 2;
}

int main(int argc, char **argv) {
    if (argc != 3) return fputs("usage: worldkeeper PAGE ROOT\n", stderr), 2;
    int root = atoi(argv[2]);
    struct sched_param class = {PRIORITY};
    if (sched_setscheduler(0, SCHED_FIFO, &class) < 0 && errno != EPERM) fail("sched_setscheduler");
    struct rlimit files; /* two for each thread of the world */
    if (getrlimit(RLIMIT_NOFILE, &files) < 0) fail("getrlimit");
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0) fail("setrlimit");
    int fd = open(argv[1], O_RDWR | O_CLOEXEC);
    if (fd < 0) fail(argv[1]);
    Page *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) fail(argv[1]);
    int64_t due = now();
    for (int ticks = 0; getppid() == root; ticks = (ticks + 1) % LOOK) {
        static int said;
        if (ticks == 0) look(root);
        tick(page, now());
        if (!said && write(1, "\n", 1) != 1) fail("write");
        said = 1;
        due = due + TICK > now() ? due + TICK : now();
        struct timespec until = {due / SECOND, due % SECOND};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    unlink(argv[1]);
    rmdir(dirname(argv[1]));
    return 0;
}
