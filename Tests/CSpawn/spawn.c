// Swift's Glibc does not show the GNU extensions that these need.
#define _GNU_SOURCE
#include "CSpawn.h"
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

int spawn_program(pid_t *pid, const char *path, char *const argv[], char *const envp[], const char *directory, int input, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, output, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawn_file_actions_addchdir_np(&actions, directory);
    int error = posix_spawn(pid, path, &actions, NULL, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int closing_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
