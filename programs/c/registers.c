/* Floating-point and vector registers: nobody else's get in, across preemption, handlers and fork. */

#define _GNU_SOURCE
#include "check.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { THREADS = 5, ROUNDS = 60 };

typedef struct { uint64_t half[2]; } vector;

#define EACH(what) \
    what(0) what(2) what(4) what(6) what(8) what(10) what(12) what(14) \
    what(16) what(18) what(20) what(22) what(24) what(26) what(28) what(30)
#define LOAD(n) "ldp q" #n ", q" NEXT_##n ", [%[in], #(" #n " * 16)]\n"
#define STORE(n) "stp q" #n ", q" NEXT_##n ", [%[out], #(" #n " * 16)]\n"
#define NEXT_0 "1"
#define NEXT_2 "3"
#define NEXT_4 "5"
#define NEXT_6 "7"
#define NEXT_8 "9"
#define NEXT_10 "11"
#define NEXT_12 "13"
#define NEXT_14 "15"
#define NEXT_16 "17"
#define NEXT_18 "19"
#define NEXT_20 "21"
#define NEXT_22 "23"
#define NEXT_24 "25"
#define NEXT_26 "27"
#define NEXT_28 "29"
#define NEXT_30 "31"
#define VECTORS \
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", \
    "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"

/* Loads all registers, makes a system call, runs a loop, and stores what the registers hold then. */
static long hold(const vector in[32], vector out[32], long number, long a, long b, long c, long loops)
{
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    register long x8 __asm__("x8") = number;
    __asm__ volatile(EACH(LOAD)
                     "svc #0\n"
                     "1: subs %[loops], %[loops], #1\n"
                     "b.gt 1b\n" EACH(STORE)
                     : "+r"(x0), [loops] "+r"(loops)
                     : [in] "r"(in), [out] "r"(out), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x8)
                     : "memory", "cc", VECTORS);
    return x0;
}

static void fill(vector registers[32], uint64_t seed)
{
    for (int n = 0; n < 32; n++)
        for (int half = 0; half < 2; half++)
            registers[n].half[half] = seed * 0x9e3779b97f4a7c15u + (uint64_t)n * 0x100000001b3u + (uint64_t)half;
}

static int same(const vector a[32], const vector b[32])
{
    return !memcmp(a, b, 32 * sizeof *a);
}

static void *hold_own(void *argument)
{
    uint64_t seed = (uint64_t)(uintptr_t)argument;
    vector mine[32], found[32];
    fesetround(seed % 2 ? FE_UPWARD : FE_DOWNWARD);
    int right = 1;
    for (int round = 0; round < ROUNDS; round++) {
        fill(mine, seed * 1000 + (uint64_t)round);
        hold(mine, found, SYS_sched_yield, 0, 0, 0, round % 4 ? 1000 : 300000);
        right &= same(mine, found);
        right &= fegetround() == (seed % 2 ? FE_UPWARD : FE_DOWNWARD);
    }
    CHECK(right);
    return NULL;
}

static volatile int calls;

/* Leaves nothing of the registers as it was. */
static void trample(int number)
{
    vector other[32], found[32];
    (void)number;
    calls++;
    fesetround(FE_TOWARDZERO);
    fill(other, 0xdead);
    hold(other, found, SYS_getppid, 0, 0, 0, 1);
    CHECK(same(other, found));
}

static void test_preemption(int with_signals)
{
    struct itimerval often = { { 0, 3000 }, { 0, 3000 } }, never = { { 0, 0 }, { 0, 0 } };
    pthread_t threads[THREADS];
    signal(SIGALRM, trample);
    calls = 0;
    if (with_signals)
        setitimer(ITIMER_REAL, &often, NULL);
    for (uintptr_t n = 0; n < THREADS; n++)
        CHECK(pthread_create(&threads[n], NULL, hold_own, (void *)(n + 1)) == 0);
    for (int n = 0; n < THREADS; n++)
        CHECK(pthread_join(threads[n], NULL) == 0);
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(!with_signals == !calls);
}

/* A handler runs on the way out of the system call that the registers are held across. */
static void test_handler(void)
{
    vector mine[32], found[32];
    signal(SIGUSR1, trample);
    calls = 0;
    fesetround(FE_UPWARD);
    for (int round = 0; round < 20; round++) {
        fill(mine, 77 + (uint64_t)round);
        hold(mine, found, SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1, 1);
        CHECK(same(mine, found));
    }
    CHECK(calls == 20 && fegetround() == FE_UPWARD);
    fesetround(FE_TONEAREST);
}

static void change(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    struct record { uint32_t magic, size; } *record = (void *)((ucontext_t *)context)->uc_mcontext.__reserved;
    while (record->magic && record->magic != 0x46508001)
        record = (void *)((char *)record + record->size);
    CHECK(record->magic == 0x46508001 && record->size == 528);
    vector *registers = (void *)((char *)record + 16);
    for (int n = 0; n < 32; n++)
        registers[n].half[1] += 1;
}

/* What a handler writes into its frame is in the registers afterwards. */
static void test_frame(void)
{
    vector mine[32], found[32];
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = change;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGUSR1, &action, NULL);
    fill(mine, 5);
    hold(mine, found, SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1, 1);
    for (int n = 0; n < 32; n++)
        mine[n].half[1] += 1;
    CHECK(same(mine, found));
}

static void test_fork(void)
{
    vector mine[32], found[32];
    fill(mine, 9);
    long child = hold(mine, found, SYS_clone, SIGCHLD, 0, 0, 10000);
    CHECK(same(mine, found));
    if (child == 0)
        end_child();
    check_child((int)child, "the child's registers");
}

void test_registers(void)
{
    test_preemption(0);
    test_preemption(1);
    test_handler();
    test_frame();
    test_fork();
}
