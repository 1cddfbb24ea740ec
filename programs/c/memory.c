/* Memory: mappings, protections, files in memory, the heap. */

#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void *map(size_t size, int flags)
{
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED);
    return mapped;
}

static void test_mappings(void)
{
    char *area = map(16 * 4096, MAP_PRIVATE);
    for (int n = 0; n < 16; n++)
        CHECK(area[n * 4096] == 0);
    memset(area, 1, 16 * 4096);
    CHECK(munmap(area + 4 * 4096, 4 * 4096) == 0);
    char *again = mmap(area + 4 * 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(again == area + 4 * 4096 && again[5] == 0 && area[0] == 1 && area[8 * 4096] == 1);
    CHECK(mprotect(area + 5 * 4096, 4096, PROT_READ) == -1 && errno == ENOMEM);
    CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(munmap(area, 16 * 4096) == 0);
}

/* A child's writes are its own in private memory, and everybody's in shared memory. */
static void test_sharing(void)
{
    volatile int *own = map(4096, MAP_PRIVATE), *all = map(4096, MAP_SHARED);
    *own = *all = 1;
    pid_t child = fork();
    if (child == 0) {
        CHECK(*own == 1 && *all == 1);
        *own = *all = 2;
        CHECK(*own == 2);
        end_child();
    }
    check_child(child, "the child's memory");
    CHECK(*own == 1 && *all == 2);
    munmap((void *)own, 4096);
    munmap((void *)all, 4096);
}

static void test_files(void)
{
    char name[] = "/tmp/memory-XXXXXX", text[5000];
    memset(text, 'a', sizeof text);
    int file = mkstemp(name);
    CHECK(file >= 0 && write(file, text, sizeof text) == sizeof text);
    char *own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    char *all = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(own != MAP_FAILED && all != MAP_FAILED);
    CHECK(own[4999] == 'a' && own[5000] == 0 && all[4999] == 'a');
    own[0] = 'b';
    all[4097] = 'c';
    CHECK(all[0] == 'a');
    CHECK(msync(all, 8192, MS_SYNC) == 0);
    char byte = 0;
    CHECK(pread(file, &byte, 1, 4097) == 1 && byte == 'c');
    CHECK(pread(file, &byte, 1, 0) == 1 && byte == 'a');
    munmap(own, 8192);
    munmap(all, 8192);
    close(file);
    unlink(name);
}

static void test_heap(void)
{
    char *blocks[200];
    for (int n = 0; n < 200; n++) {
        blocks[n] = malloc((size_t)n * 997 + 1);
        CHECK(blocks[n] != NULL);
        memset(blocks[n], n, (size_t)n * 997 + 1);
    }
    for (int n = 0; n < 200; n += 2)
        free(blocks[n]);
    for (int n = 1; n < 200; n += 2) {
        blocks[n] = realloc(blocks[n], (size_t)n * 2000);
        CHECK(blocks[n] && blocks[n][0] == (char)n && blocks[n][n * 997] == (char)n);
        free(blocks[n]);
    }
    char *large = malloc(8 << 20);
    CHECK(large != NULL);
    large[0] = large[(8 << 20) - 1] = 1;
    free(large);
}

void test_memory(void)
{
    test_mappings();
    test_heap();
    test_sharing();
    test_files();
}
