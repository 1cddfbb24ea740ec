/* Signals: what a handler is told, masks, queues, system calls that go on or do not. */

#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t calls;
static siginfo_t last;
static volatile int in_thread;

static void note(int number, siginfo_t *info, void *context)
{
    (void)context;
    calls++;
    last = *info;
    in_thread = (int)syscall(SYS_gettid);
    CHECK(number == info->si_signo);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(sigaction(number, &action, NULL) == 0);
}

static void test_senders(void)
{
    struct sigaction old;
    handle(SIGUSR1, note, 0);
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_sigaction == note && (old.sa_flags & SA_SIGINFO));
    calls = 0;
    CHECK(raise(SIGUSR1) == 0);
    CHECK(calls == 1 && last.si_code == SI_TKILL && last.si_pid == getpid());
    CHECK(kill(getpid(), SIGUSR1) == 0);
    CHECK(calls == 2 && last.si_code == SI_USER && last.si_pid == getpid() && last.si_uid == getuid());
    CHECK(sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 42 }) == 0);
    CHECK(calls == 3 && last.si_code == SI_QUEUE && last.si_value.sival_int == 42);
    CHECK(kill(getpid(), 0) == 0);
    CHECK(kill(getpid(), 1000) == -1 && errno == EINVAL);
    CHECK(sigaction(SIGKILL, &old, NULL) == -1 && errno == EINVAL);
}

static void test_masks(void)
{
    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    handle(SIGUSR1, note, 0);
    calls = 0;
    CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
    CHECK(!sigismember(&old, SIGUSR1));
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    CHECK(calls == 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
    CHECK(sigsuspend(&old) == -1 && errno == EINTR);
    CHECK(calls == 1);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &old) == 0 && sigismember(&old, SIGUSR1) == 1);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
    CHECK(calls == 1);
}

static volatile int depth, deepest;

static void nest(int number, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    if (++depth > deepest)
        deepest = depth;
    if (calls++ == 0)
        raise(number);
    depth--;
}

static void test_handler_masks(void)
{
    handle(SIGUSR2, nest, 0);
    calls = deepest = 0;
    raise(SIGUSR2);
    CHECK(calls == 2 && deepest == 1);
    handle(SIGUSR2, nest, SA_NODEFER);
    calls = deepest = 0;
    raise(SIGUSR2);
    CHECK(calls == 2 && deepest == 2);
    handle(SIGUSR2, note, SA_RESETHAND);
    raise(SIGUSR2);
    struct sigaction now;
    CHECK(sigaction(SIGUSR2, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
}

static int order[8], ordered;

static void note_value(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (ordered < 8)
        order[ordered++] = (number - SIGRTMIN) * 100 + info->si_value.sival_int;
}

/* Real-time signals wait in a queue each, the lower number first. */
static void test_queue(void)
{
    sigset_t set, old;
    sigemptyset(&set);
    for (int n = 0; n < 2; n++) {
        handle(SIGRTMIN + n, note_value, 0);
        sigaddset(&set, SIGRTMIN + n);
    }
    sigprocmask(SIG_BLOCK, &set, &old);
    for (int value = 1; value <= 3; value++)
        for (int n = 1; n >= 0; n--)
            CHECK(sigqueue(getpid(), SIGRTMIN + n, (union sigval){ .sival_int = value }) == 0);
    siginfo_t info;
    CHECK(sigwaitinfo(&set, &info) == SIGRTMIN && info.si_value.sival_int == 1);
    /* Whichever handler is entered last runs first. */
    for (int n = 0; n < 2; n++) {
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, SIGRTMIN + n);
        sigprocmask(SIG_UNBLOCK, &one, NULL);
    }
    static const int expected[] = { 2, 3, 101, 102, 103 };
    int seen[5] = { 0 };
    for (int n = 0; n < 5; n++)
        for (int at = 0; at < ordered; at++)
            seen[n] += order[at] == expected[n];
    CHECK(ordered == 5);
    for (int n = 0; n < 5; n++)
        CHECK(seen[n] == 1);
    struct timespec limit = { 0, 10 * 1000 * 1000 };
    sigprocmask(SIG_BLOCK, &set, NULL);
    CHECK(sigtimedwait(&set, NULL, &limit) == -1 && errno == EAGAIN);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static int ends[2];

static void write_byte(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
    calls++;
    write(ends[1], "x", 1);
}

static volatile int steps;

static void *wait_in_read(void *unused)
{
    char byte = 0;
    (void)unused;
    CHECK(read(ends[0], &byte, 1) == 1 && byte == 'x');
    steps = 1;
    return NULL;
}

static void *wait_interrupted(void *unused)
{
    char byte;
    (void)unused;
    CHECK(read(ends[0], &byte, 1) == -1 && errno == EINTR);
    steps = 1;
    struct timespec time = { 10, 0 }, rest = { 0, 0 };
    CHECK(nanosleep(&time, &rest) == -1 && errno == EINTR && rest.tv_sec < 10);
    steps = 2;
    CHECK(pause() == -1 && errno == EINTR);
    steps = 3;
    CHECK(in_thread == (int)syscall(SYS_gettid));
    return NULL;
}

/* A signal that comes just before a call is made does not interrupt it, so another follows. */
static void signal_until(pthread_t thread, int wanted)
{
    while (steps < wanted) {
        usleep(20 * 1000);
        if (steps < wanted)
            CHECK(pthread_kill(thread, SIGUSR1) == 0);
    }
}

/* A read goes on after a handler that wants that; otherwise it says that it was interrupted. */
static void test_restart(void)
{
    pthread_t thread;
    CHECK(pipe(ends) == 0);
    calls = steps = 0;
    handle(SIGUSR1, note, SA_RESTART);
    pthread_create(&thread, NULL, wait_in_read, NULL);
    while (calls < 3) {
        usleep(20 * 1000);
        pthread_kill(thread, SIGUSR1);
    }
    CHECK(steps == 0);
    write(ends[1], "x", 1);
    pthread_join(thread, NULL);

    calls = steps = 0;
    handle(SIGUSR1, note, 0);
    pthread_create(&thread, NULL, wait_interrupted, NULL);
    for (int wanted = 1; wanted <= 3; wanted++)
        signal_until(thread, wanted);
    pthread_join(thread, NULL);
    CHECK(calls >= 3);

    calls = 1;
    handle(SIGALRM, write_byte, SA_RESTART);
    alarm(1);
    wait_in_read(NULL);
    CHECK(calls == 2);
    close(ends[0]);
    close(ends[1]);
}

static sigjmp_buf out;

static void jump(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
    siglongjmp(out, 7);
}

static void test_jump(void)
{
    sigset_t now;
    handle(SIGUSR1, jump, 0);
    for (int round = 0; round < 3; round++) {
        int value = sigsetjmp(out, 1);
        if (value == 0) {
            raise(SIGUSR1);
            CHECK(!"the handler came back");
        }
        CHECK(value == 7);
        sigprocmask(SIG_SETMASK, NULL, &now);
        CHECK(sigismember(&now, SIGUSR1) == 0);
    }
}

static void test_child_signal(void)
{
    handle(SIGCHLD, note, SA_RESTART);
    calls = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(9);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 9);
    CHECK(calls == 1 && last.si_code == CLD_EXITED && last.si_pid == child && last.si_status == 9);
    signal(SIGCHLD, SIG_DFL);
}

void test_signals(void)
{
    test_senders();
    test_masks();
    test_handler_masks();
    test_queue();
    test_restart();
    test_jump();
    test_child_signal();
}
