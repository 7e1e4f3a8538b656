/* What libcamera's virtual pipeline handler needs of a machine, for one that has none of it. Preloaded.
 *
 * - DMA buffers: /dev/udmabuf gives a buffer for a memfd (linux/udmabuf.h). The buffer here is the memfd
 *   itself, and DMA_BUF_IOCTL_SYNC (linux/dma-buf.h) has nothing to do for it. The machine's own heaps are
 *   not seen.
 * - Its list of cameras: VIRTUAL_CAMERAS names the file that is read for libcamera's own, which Debian's
 *   package lacks.
 * - A rate: the handler fills a buffer as soon as it has one. It maps the buffer for writing alone to do so;
 *   the first of a picture (the largest stream) waits for the sensor's next exposure, every VIRTUAL_FRAME_US
 *   microseconds of CLOCK_BOOTTIME. A picture that no buffer waits for is not exposed, as with a sensor.
 * - Memory full of zeros from C++'s operator new: the handler of libcamera 0.4 does not set the status of a
 *   buffer, which is then what was left in memory (mended in 0.5: "Fill buffer's metadata").
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char DEVICE[] = "/dev/udmabuf";
static const char HEAPS[] = "/dev/dma_heap/";
static const char CAMERAS[] = "/pipeline/virtual/virtual.yaml";
static const int64_t SECOND_NS = 1000000000;

#define REAL(name) \
	static __typeof__(&name) real; \
	if (!real) \
		real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

typedef int (*open_function)(const char *, int, ...);

static const char *found_at(const char *path)
{
	const char *cameras = getenv("VIRTUAL_CAMERAS");
	size_t length = strlen(path), ending = strlen(CAMERAS);

	if (cameras && length >= ending && !strcmp(path + length - ending, CAMERAS))
		return cameras;
	return path;
}

static int opened(open_function real, const char *path, int flags, mode_t mode)
{
	if (!strcmp(path, DEVICE))
		return memfd_create("udmabuf", MFD_CLOEXEC);
	if (!strncmp(path, HEAPS, strlen(HEAPS))) {
		errno = ENOENT;
		return -1;
	}
	return real(found_at(path), flags, mode);
}

static mode_t mode_of(int flags, va_list more)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	REAL(open);
	va_list more;
	va_start(more, flags);
	mode_t mode = mode_of(flags, more);
	va_end(more);
	return opened(real, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	REAL(open64);
	va_list more;
	va_start(more, flags);
	mode_t mode = mode_of(flags, more);
	va_end(more);
	return opened(real, path, flags, mode);
}

int stat(const char *path, struct stat *status)
{
	REAL(stat);
	return real(found_at(path), status);
}

int stat64(const char *path, struct stat64 *status)
{
	REAL(stat64);
	return real(found_at(path), status);
}

/* Whether a descriptor is a buffer from here: a memfd with the seal that udmabuf asks for. */
static int is_buffer(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && seals & F_SEAL_SHRINK;
}

int ioctl(int fd, unsigned long request, ...)
{
	REAL(ioctl);
	va_list more;
	va_start(more, request);
	void *argument = va_arg(more, void *);
	va_end(more);
	if (request == UDMABUF_CREATE) {
		const struct udmabuf_create *create = argument;

		return fcntl((int)create->memfd, F_DUPFD_CLOEXEC, 0);
	}
	if (request == DMA_BUF_IOCTL_SYNC && is_buffer(fd))
		return 0;
	return real(fd, request, argument);
}

/* operator new(unsigned long) */
void *_Znwm(size_t size)
{
	void *made = calloc(1, size ? size : 1);

	if (!made)
		abort();
	return made;
}

static void wait_for_exposure(void)
{
	static int64_t exposed_ns;
	const char *frame_us = getenv("VIRTUAL_FRAME_US");
	int64_t period_ns = frame_us ? atoll(frame_us) * 1000 : 0;
	struct timespec now;

	if (period_ns <= 0)
		return;
	clock_gettime(CLOCK_BOOTTIME, &now);
	int64_t now_ns = now.tv_sec * SECOND_NS + now.tv_nsec;

	if (now_ns - exposed_ns >= period_ns)
		exposed_ns = exposed_ns ? now_ns - (now_ns - exposed_ns) % period_ns : now_ns;
	int64_t next_ns = exposed_ns + period_ns;
	struct timespec next = { next_ns / SECOND_NS, next_ns % SECOND_NS };

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &next, NULL))
		;
	exposed_ns = next_ns;
}

static void *mapped(void *(*real)(void *, size_t, int, int, int, off64_t), void *address, size_t length,
		    int protection, int flags, int fd, off64_t offset)
{
	static size_t largest;

	if (protection == PROT_WRITE && fd >= 0 && is_buffer(fd)) {
		if (length > largest)
			largest = length;
		if (length == largest)
			wait_for_exposure();
	}
	return real(address, length, protection, flags, fd, offset);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	REAL(mmap64);
	return mapped(real, address, length, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset)
{
	REAL(mmap64);
	return mapped(real, address, length, protection, flags, fd, offset);
}
