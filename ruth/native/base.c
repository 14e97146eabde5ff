/* What the parts of libruth share. ruth/native/source.py puts the files together, with constants and rules, each of
 * which exists once in Python: behind EXPORT_, STATE_, IDENTITY_, and as functions is_...(). */
#include "ruth.h"
#include "ruth_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS 1000000000u

static inline uint32_t load32(const unsigned char *bytes, size_t offset) {
    uint32_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

static inline uint64_t load64(const unsigned char *bytes, size_t offset) {
    uint64_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

static uint64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

/* id_problem() of ruth/identity.py */
static int is_id(const char *text) {
    size_t length = text == NULL ? 0 : strlen(text);
    return length > 0 && length <= IDENTITY_ID_LENGTH_MAX && strchr(IDENTITY_ID_FIRST, text[0]) != NULL
        && strspn(text, IDENTITY_ID_REST) == length;
}

static const char *root_of(const char *given, const char *variable, const char *otherwise) {
    if (given != NULL) return given;
    const char *named = getenv(variable);
    return named != NULL && named[0] != '\0' ? named : otherwise;
}

/* "<one>/<other>" in memory of its own, or NULL. */
static char *joined(const char *one, const char *other) {
    size_t size = strlen(one) + strlen(other) + 2;
    char *path = malloc(size);
    if (path != NULL) snprintf(path, size, "%s/%s", one, other);
    return path;
}

/* A camera's directory, which must not be a link: open_export_directory() of ruth/export/files.py. */
static int open_directory(const char *path) {
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A regular file's descriptor, or -1: open_export_file() there. A FIFO must not block it. */
static int open_regular(int directory, const char *name, int flags, struct stat *found) {
    int file = openat(directory, name, flags | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0 || (fstat(file, found) == 0 && S_ISREG(found->st_mode))) return file;
    close(file);
    return -1;
}

static void close_file(int *file) {
    if (*file >= 0) close(*file);
    *file = -1;
}
