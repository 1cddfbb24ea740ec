/* Threads: mutexes, conditions, memory of their own, cancellation. */

#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 6, ROUNDS = 2000, ITEMS = 500, SLOTS = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count(void *argument)
{
    for (int round = 0; round < ROUNDS; round++) {
        pthread_mutex_lock(&lock);
        long seen = counter;
        if (round % 64 == 0)
            sched_yield();
        counter = seen + 1;
        pthread_mutex_unlock(&lock);
    }
    return argument;
}

static void test_mutex(void)
{
    pthread_t threads[THREADS];
    for (intptr_t n = 0; n < THREADS; n++)
        CHECK(pthread_create(&threads[n], NULL, count, (void *)n) == 0);
    for (intptr_t n = 0; n < THREADS; n++) {
        void *result = NULL;
        CHECK(pthread_join(threads[n], &result) == 0);
        CHECK(result == (void *)n);
    }
    CHECK(counter == THREADS * ROUNDS);
}

/* A queue with few slots: whoever finds it full or empty waits. */
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static int slots[SLOTS], filled;

static void *produce(void *unused)
{
    (void)unused;
    for (int item = 1; item <= ITEMS; item++) {
        pthread_mutex_lock(&lock);
        while (filled == SLOTS)
            pthread_cond_wait(&not_full, &lock);
        slots[filled++] = item;
        pthread_cond_signal(&not_empty);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void test_conditions(void)
{
    pthread_t producers[2];
    for (int n = 0; n < 2; n++)
        CHECK(pthread_create(&producers[n], NULL, produce, NULL) == 0);
    long sum = 0;
    for (int item = 0; item < 2 * ITEMS; item++) {
        pthread_mutex_lock(&lock);
        while (filled == 0)
            pthread_cond_wait(&not_empty, &lock);
        sum += slots[--filled];
        pthread_cond_signal(&not_full);
        pthread_mutex_unlock(&lock);
    }
    for (int n = 0; n < 2; n++)
        CHECK(pthread_join(producers[n], NULL) == 0);
    CHECK(sum == (long)ITEMS * (ITEMS + 1));
}

static void test_time_limit(void)
{
    struct timespec limit, after;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_nsec += 50 * 1000 * 1000;
    if (limit.tv_nsec >= 1000000000) {
        limit.tv_nsec -= 1000000000;
        limit.tv_sec++;
    }
    pthread_mutex_lock(&lock);
    CHECK(pthread_cond_timedwait(&not_empty, &lock, &limit) == ETIMEDOUT);
    pthread_mutex_unlock(&lock);
    clock_gettime(CLOCK_REALTIME, &after);
    CHECK(after.tv_sec > limit.tv_sec || (after.tv_sec == limit.tv_sec && after.tv_nsec >= limit.tv_nsec));
}

static __thread int mine = 5;
static pthread_key_t key;
static int destroyed;

static void destroy(void *value)
{
    __atomic_fetch_add(&destroyed, (int)(intptr_t)value, __ATOMIC_RELAXED);
}

static void *own(void *argument)
{
    int n = (int)(intptr_t)argument;
    CHECK(mine == 5);
    mine = n;
    pthread_setspecific(key, argument);
    for (int round = 0; round < 50; round++) {
        errno = n;
        sched_yield();
        CHECK(mine == n && errno == n);
    }
    CHECK(close(-1) == -1 && errno == EBADF);
    return NULL;
}

static void test_own_memory(void)
{
    pthread_t threads[THREADS];
    CHECK(pthread_key_create(&key, destroy) == 0);
    for (intptr_t n = 0; n < THREADS; n++)
        CHECK(pthread_create(&threads[n], NULL, own, (void *)(n + 10)) == 0);
    for (int n = 0; n < THREADS; n++)
        pthread_join(threads[n], NULL);
    CHECK(mine == 5);
    CHECK(destroyed == THREADS * 10 + THREADS * (THREADS - 1) / 2);
}

static sem_t ready;
static int cleaned;

static void clean(void *unused)
{
    (void)unused;
    cleaned = 1;
}

static void *block(void *argument)
{
    char byte;
    pthread_cleanup_push(clean, NULL);
    sem_post(&ready);
    read(*(int *)argument, &byte, 1);
    CHECK(!"the read came back");
    pthread_cleanup_pop(0);
    return NULL;
}

/* The library interrupts the blocked read with a signal of its own. */
static void test_cancellation(void)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    CHECK(sem_init(&ready, 0, 0) == 0);
    pthread_t thread;
    void *result = NULL;
    CHECK(pthread_create(&thread, NULL, block, &ends[0]) == 0);
    sem_wait(&ready);
    usleep(20 * 1000);
    CHECK(pthread_cancel(thread) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED && cleaned);
    close(ends[0]);
    close(ends[1]);
}

void test_threads(void)
{
    test_mutex();
    test_conditions();
    test_time_limit();
    test_own_memory();
    test_cancellation();
}
