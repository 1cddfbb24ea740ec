/* Clocks and timers. */

#define _GNU_SOURCE
#include "check.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ticks;
static volatile int value;

static void tick(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    ticks++;
    value = info->si_value.sival_int;
}

static void handle(int number)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = tick;
    action.sa_flags = SA_SIGINFO;
    sigaction(number, &action, NULL);
}

static long milliseconds(clockid_t clock)
{
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_interval(void)
{
    handle(SIGALRM);
    ticks = 0;
    struct itimerval interval = { { 0, 20000 }, { 0, 20000 } }, rest;
    long start = milliseconds(CLOCK_MONOTONIC);
    CHECK(setitimer(ITIMER_REAL, &interval, NULL) == 0);
    while (ticks < 5)
        usleep(50 * 1000);
    CHECK(milliseconds(CLOCK_MONOTONIC) - start >= 100);
    CHECK(getitimer(ITIMER_REAL, &rest) == 0 && rest.it_interval.tv_usec == 20000);
    memset(&interval, 0, sizeof interval);
    CHECK(setitimer(ITIMER_REAL, &interval, NULL) == 0);
    int before = ticks;
    usleep(60 * 1000);
    CHECK(ticks == before);
}

static void test_posix_timer(void)
{
    handle(SIGUSR1);
    ticks = 0;
    timer_t timer;
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    event.sigev_value.sival_int = 11;
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    struct itimerspec time = { { 0, 0 }, { 0, 30 * 1000 * 1000 } }, rest;
    CHECK(timer_settime(timer, 0, &time, NULL) == 0);
    CHECK(timer_gettime(timer, &rest) == 0 && rest.it_value.tv_nsec > 0);
    while (ticks < 1)
        usleep(1000);
    CHECK(value == 11);
    CHECK(timer_gettime(timer, &rest) == 0 && rest.it_value.tv_nsec == 0);
    CHECK(timer_delete(timer) == 0);
}

static void test_sleep(void)
{
    long start = milliseconds(CLOCK_MONOTONIC), real = milliseconds(CLOCK_REALTIME);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 1;
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0);
    CHECK(milliseconds(CLOCK_MONOTONIC) - start >= 1000);
    CHECK(milliseconds(CLOCK_REALTIME) - real >= 999);
    long used = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
    start = milliseconds(CLOCK_MONOTONIC);
    while (milliseconds(CLOCK_MONOTONIC) - start < 100)
        ;
    long more = milliseconds(CLOCK_PROCESS_CPUTIME_ID) - used;
    CHECK(more > 0);
}

void test_timers(void)
{
    test_interval();
    test_posix_timer();
    test_sleep();
}
