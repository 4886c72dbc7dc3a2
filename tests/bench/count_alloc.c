/* Counts a program's allocations, to be preloaded: a number in the file that COUNT_ALLOC_FILE
 * names, 8 bytes as the machine stores them, kept up to date while the program runs. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t unshared;
static uint64_t* counter = &unshared;

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* memory, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);

__attribute__((constructor)) static void start(void) {
    const char* path = getenv("COUNT_ALLOC_FILE");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    if (ftruncate(fd, sizeof *counter) == 0) {
        void* page = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED)
            counter = page;
    }
    close(fd);
}

static void count(void) {
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* operator new of libstdc++ ends in malloc or aligned_alloc. */
void* malloc(size_t size) {
    return count(), __libc_malloc(size);
}
void* calloc(size_t n, size_t size) {
    return count(), __libc_calloc(n, size);
}
void* realloc(void* memory, size_t size) {
    return count(), __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
    return count(), __libc_memalign(alignment, size);
}
void* memalign(size_t alignment, size_t size) {
    return count(), __libc_memalign(alignment, size);
}
