/* What the parts of the program share: checks that go on after a failure, and count. */
#ifndef CHECK_H
#define CHECK_H

/* Says so if the condition does not hold. Works in threads and in signal handlers. */
#define CHECK(condition) check((condition) != 0, #condition, __FILE__, __LINE__)

void check(int holds, const char *what, const char *file, int line);

/* For a child process, which counts on its own: ends it with 0 if all of its checks held. */
void end_child(void) __attribute__((noreturn));

/* Waits for a child that ends with end_child. */
void check_child(int child, const char *what);

void test_threads(void);
void test_signals(void);
void test_faults(void);
void test_timers(void);
void test_registers(void);
void test_processes(const char *program);
void test_memory(void);

/* What a program started by test_processes does. */
int run_as_child(int argc, char **argv);

#endif
