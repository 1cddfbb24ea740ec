/* Processes: fork, exec, wait, pipes between them, and jumps out of functions. */

#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_for(pid_t child)
{
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void test_statuses(void)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    status = wait_for(child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(waitpid(child, &status, 0) == -1 && errno == ECHILD);

    child = fork();
    if (child == 0)
        for (;;)
            pause();
    CHECK(waitpid(child, &status, WNOHANG) == 0);
    CHECK(kill(child, SIGSTOP) == 0);
    CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK(kill(child, SIGCONT) == 0);
    CHECK(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
    CHECK(kill(child, SIGTERM) == 0);
    status = wait_for(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);

    child = fork();
    if (child == 0)
        abort();
    status = wait_for(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void test_pipe(void)
{
    enum { SIZE = 100000 };
    static char text[SIZE];
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        for (int n = 0; n < SIZE; n++)
            text[n] = (char)(n * 7);
        CHECK(write(ends[1], text, SIZE) == SIZE);
        end_child();
    }
    close(ends[1]);
    int total = 0, wrong = 0;
    ssize_t count;
    while ((count = read(ends[0], text, 3001)) > 0)
        for (int n = 0; n < count; n++)
            wrong += text[n] != (char)(total++ * 7);
    CHECK(count == 0 && total == SIZE && wrong == 0);
    close(ends[0]);
    check_child(child, "the writer");

    CHECK(pipe(ends) == 0);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
    signal(SIGPIPE, SIG_DFL);
    close(ends[1]);
}

int run_as_child(int argc, char **argv)
{
    CHECK(argc == 5 && !strcmp(argv[2], "two words") && !strcmp(argv[3], ""));
    CHECK(getenv("NAME") && !strcmp(getenv("NAME"), "value") && !getenv("HOME"));
    CHECK(fcntl(atoi(argv[4]), F_GETFD) == -1 && errno == EBADF);
    struct sigaction action;
    CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
    end_child();
}

static void nothing(int number)
{
    (void)number;
}

static void test_exec(const char *program)
{
    int closed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char number[16];
    snprintf(number, sizeof number, "%d", closed);
    CHECK(closed >= 0);
    signal(SIGUSR1, nothing);
    signal(SIGUSR2, SIG_IGN);
    char *arguments[] = { (char *)program, "as-child", "two words", "", number, NULL };
    char *environment[] = { "NAME=value", NULL };
    pid_t child = fork();
    if (child == 0) {
        execve(program, arguments, environment);
        _exit(99);
    }
    check_child(child, "what fork and exec started");
    child = vfork();
    if (child == 0) {
        execve(program, arguments, environment);
        _exit(99);
    }
    check_child(child, "what vfork and exec started");
    CHECK(posix_spawn(&child, program, NULL, NULL, arguments, environment) == 0);
    check_child(child, "what posix_spawn started");
    CHECK(posix_spawn(&child, "/nothing", NULL, NULL, arguments, environment) == ENOENT);
    CHECK(execve("/tmp", arguments, environment) == -1 && errno == EACCES);
    close(closed);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

static void test_orphans(void)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            usleep(30 * 1000);
            char byte = getppid() != 1 ? 'n' : 'y';
            write(ends[1], &byte, 1);
        }
        _exit(0);
    }
    CHECK(wait_for(child) == 0);
    char byte = 0;
    /* Where this program is the first process, the orphan is its own. */
    CHECK(read(ends[0], &byte, 1) == 1 && byte == 'y');
    if (getpid() == 1)
        CHECK(wait(NULL) > 0);
    close(ends[0]);
    close(ends[1]);
}

static jmp_buf out;

static void leave(int depth)
{
    if (depth == 0)
        longjmp(out, 3);
    leave(depth - 1);
}

static void test_jump(void)
{
    volatile int kept = 1;
    int value = setjmp(out);
    if (value == 0) {
        kept = 2;
        leave(10);
    }
    CHECK(value == 3 && kept == 2);
}

void test_processes(const char *program)
{
    test_statuses();
    test_pipe();
    test_jump();
    test_orphans();
    test_exec(program);
}
