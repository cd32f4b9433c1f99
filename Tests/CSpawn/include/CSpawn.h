#pragma once
#include <sys/types.h>

/// Starts `path` in `directory` with `input` and `output` as its standard streams and nothing else open.
/// Returns 0, or the errno of what failed.
int spawn_program(pid_t *pid, const char *path, char *const argv[], char *const envp[], const char *directory, int input, int output);

/// pidfd_open(2): readable once the process has ended.
int process_descriptor(pid_t pid);

/// pipe2(2) with both ends closed on exec.
int closing_pipe(int ends[2]);
