/* c-library [PART]: does what C programs do through their library, and says what did not work. */

#define _GNU_SOURCE
#include "check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int held, failed;

void check(int holds, const char *what, const char *file, int line)
{
    if (holds) {
        atomic_fetch_add(&held, 1);
        return;
    }
    atomic_fetch_add(&failed, 1);
    char text[256];
    int length = snprintf(text, sizeof text, "%s:%d: not so: %s\n", file, line, what);
    write(1, text, length < (int)sizeof text ? length : (int)sizeof text - 1);
}

void end_child(void)
{
    _exit(atomic_load(&failed) ? 1 : 0);
}

void check_child(int child, const char *what)
{
    int status = -1;
    int waited = waitpid(child, &status, 0);
    check(waited == child && WIFEXITED(status) && WEXITSTATUS(status) == 0, what, "child", child);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "as-child"))
        return run_as_child(argc, argv);

    static char program[256];
    snprintf(program, sizeof program, "%s%s", strchr(argv[0], '/') ? "" : "/bin/", argv[0]);
    const char *only = argc > 1 ? argv[1] : NULL;
    static const struct { const char *name; void (*test)(void); } parts[] = {
        { "memory", test_memory },     { "threads", test_threads }, { "signals", test_signals },
        { "faults", test_faults },     { "timers", test_timers },   { "registers", test_registers },
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned part = 0; part < sizeof parts / sizeof *parts; part++) {
        if (only && strcmp(only, parts[part].name))
            continue;
        int before = atomic_load(&failed);
        parts[part].test();
        printf("%s: %s\n", parts[part].name, atomic_load(&failed) == before ? "right" : "WRONG");
    }
    if (!only || !strcmp(only, "processes")) {
        int before = atomic_load(&failed);
        test_processes(program);
        printf("processes: %s\n", atomic_load(&failed) == before ? "right" : "WRONG");
    }
    printf("c-library: %d checks, %d failed\n", atomic_load(&held) + atomic_load(&failed), atomic_load(&failed));
    return atomic_load(&failed) ? 1 : 0;
}
