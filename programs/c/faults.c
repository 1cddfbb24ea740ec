/* Faults as signals: their codes and addresses, repaired and skipped, on a stack of their own. */

#define _GNU_SOURCE
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static siginfo_t last;
static volatile int calls;
static char *page;
static sigjmp_buf out;

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(sigaction(number, &action, NULL) == 0);
}

static void repair(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    last = *info;
    calls++;
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static void skip(int number, siginfo_t *info, void *context)
{
    (void)number;
    last = *info;
    calls++;
    ((ucontext_t *)context)->uc_mcontext.pc += 4;
}

static void leave(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    last = *info;
    siglongjmp(out, 1);
}

static void test_repair(void)
{
    page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle(SIGSEGV, repair, 0);
    calls = 0;
    *(volatile char *)(page + 100) = 5;
    CHECK(calls == 1 && page[100] == 5);
    CHECK(last.si_code == SEGV_ACCERR && last.si_addr == page + 100);
    munmap(page, 4096);
    handle(SIGSEGV, leave, 0);
    if (sigsetjmp(out, 1) == 0) {
        *(volatile char *)(page + 8) = 5;
        CHECK(!"written");
    }
    CHECK(last.si_code == SEGV_MAPERR && last.si_addr == page + 8);
}

static void test_skip(void)
{
    calls = 0;
    handle(SIGILL, skip, 0);
    uintptr_t at;
    __asm__ volatile("adr %0, 1f\n1: udf #0" : "=r"(at));
    CHECK(calls == 1 && last.si_signo == SIGILL && last.si_code == ILL_ILLOPC && (uintptr_t)last.si_addr == at);
    handle(SIGTRAP, skip, 0);
    __asm__ volatile("adr %0, 1f\n1: brk #1" : "=r"(at));
    CHECK(calls == 2 && last.si_signo == SIGTRAP && last.si_code == TRAP_BRKPT && (uintptr_t)last.si_addr == at);
}

/* Past the end of what is mapped there are no pages of the file. */
static void test_past_the_end(void)
{
    char name[] = "/tmp/faults-XXXXXX";
    int file = mkstemp(name);
    CHECK(file >= 0 && write(file, "text", 4) == 4);
    char *mapped = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, file, 0);
    CHECK(mapped != MAP_FAILED && !memcmp(mapped, "text\0", 5));
    handle(SIGBUS, leave, 0);
    if (sigsetjmp(out, 1) == 0) {
        *(volatile char *)(mapped + 4096);
        CHECK(!"read");
    }
    CHECK(last.si_signo == SIGBUS && last.si_code == BUS_ADRERR && last.si_addr == mapped + 4096);
    munmap(mapped, 8192);
    close(file);
    unlink(name);
}

static char *stack;
static size_t stack_size;
static volatile int was_on_stack;

static void on_stack(int number, siginfo_t *info, void *context)
{
    char here;
    stack_t now;
    (void)number, (void)info;
    sigaltstack(NULL, &now);
    was_on_stack = &here >= stack && &here < stack + stack_size && (now.ss_flags & SS_ONSTACK);
    calls++;
    if (number == SIGSEGV)
        siglongjmp(out, 1);
    (void)context;
}

static int recurse(int depth)
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    return recurse(depth + 1) + frame[0];
}

/* The stack overflows, and the handler still has one. */
static void test_own_stack(void)
{
    stack_size = SIGSTKSZ * 4;
    stack = malloc(stack_size);
    stack_t set = { .ss_sp = stack, .ss_size = stack_size }, old;
    CHECK(sigaltstack(&set, &old) == 0 && (old.ss_flags & SS_DISABLE));
    calls = 0;
    handle(SIGUSR1, on_stack, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(calls == 1 && was_on_stack);
    handle(SIGUSR1, on_stack, 0);
    raise(SIGUSR1);
    CHECK(calls == 2 && !was_on_stack);
    handle(SIGSEGV, on_stack, SA_ONSTACK);
    if (sigsetjmp(out, 1) == 0)
        CHECK(recurse(0) && !"it came back");
    CHECK(calls == 3 && was_on_stack);
    sigaltstack(NULL, &old);
    CHECK(!(old.ss_flags & SS_ONSTACK));
    set.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&set, NULL) == 0);
    signal(SIGSEGV, SIG_DFL);
}

void test_faults(void)
{
    test_repair();
    test_skip();
    test_past_the_end();
    test_own_stack();
}
