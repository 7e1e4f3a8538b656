/* Lets the real libcamera run its virtual camera on a machine without any camera or driver.
 *
 * Preloaded into a process, it gives libcamera what it asks the system for and nothing else:
 *   - the DMA heap /dev/dma_heap/system, whose allocations are memfds
 *   - the configuration of the virtual camera, a file named by VIRTUAL_CAMERA_YAML
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAP_ALLOC 0xC0184800UL /* DMA_HEAP_IOCTL_ALLOC of linux/dma-heap.h */
#define BUF_SET_NAME 0x6201UL   /* type and number of DMA_BUF_SET_NAME of linux/dma-buf.h */

struct heap_allocation {
    uint64_t len;
    uint32_t fd;
    uint32_t fd_flags;
    uint64_t heap_flags;
};

static const char CONFIGURATION[] = "/pipeline/virtual/virtual.yaml";

static const char *redirected(const char *path)
{
    const char *ours = getenv("VIRTUAL_CAMERA_YAML");
    size_t length = strlen(path), tail = strlen(CONFIGURATION);

    if (ours && length >= tail && !strcmp(path + length - tail, CONFIGURATION))
        return ours;
    return strcmp(path, "/dev/dma_heap/system") ? path : "/dev/null";
}

/* The real function of the same name, of the type of the function that asks for it. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                 \
    int name(const char *path, int flags, ...)     \
    {                                              \
        va_list rest;                              \
        va_start(rest, flags);                     \
        int mode = va_arg(rest, int);              \
        va_end(rest);                              \
        return REAL(name)(redirected(path), flags, mode); \
    }
OPEN(open)
OPEN(open64)

int stat(const char *path, struct stat *result)
{
    return REAL(stat)(redirected(path), result);
}

int stat64(const char *path, struct stat64 *result)
{
    return REAL(stat64)(redirected(path), result);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);

    if (request == HEAP_ALLOC) {
        struct heap_allocation *wanted = argument;
        int memory = memfd_create("heap", MFD_CLOEXEC);
        if (memory < 0 || ftruncate(memory, (off_t)wanted->len) < 0)
            return -1;
        wanted->fd = (uint32_t)memory;
        return 0;
    }
    if ((request & 0xFFFFUL) == BUF_SET_NAME)
        return 0;
    int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}
