/* A name by the firmware for USB/IP's virtual controller, of which libcamera makes the camera's id
 * (sysfs.cpp, firmwareNodePath). A controller of a board has one; this has none. Preloaded. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char NODE[] = "/vhci_hcd.0/of_node";
static const char NAME[] = "/sys/firmware/devicetree/base/soc/usb@7e980000";

static int is_node(const char *path)
{
	size_t length = strlen(path), ending = strlen(NODE);

	return length >= ending && !strcmp(path + length - ending, NODE);
}

int stat64(const char *path, struct stat64 *status)
{
	__typeof__(&stat64) real = (__typeof__(&stat64))dlsym(RTLD_NEXT, "stat64");

	return real(is_node(path) ? "/" : path, status);
}

char *realpath(const char *path, char *resolved)
{
	__typeof__(&realpath) real = (__typeof__(&realpath))dlsym(RTLD_NEXT, "realpath");

	return is_node(path) && !resolved ? strdup(NAME) : real(path, resolved);
}
